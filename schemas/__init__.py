"""What things are: events, profiles, campaigns, decisions. Imports nothing of ours."""
