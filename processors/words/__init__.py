"""The words of pages, a module per language. A record keeps English sentences; pages in others are made from them."""
