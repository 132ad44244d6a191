"""Make, keep and run models. Imports `schemas` only."""
