"""The shell: Kafka and Faust in and out, files, commands. May import all other folders."""
