"""`beckon demo`: a whole shop in one terminal. Broker, shoppers, worker and what came of it."""
