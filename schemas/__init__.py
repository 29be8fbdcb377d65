"""What travels between the services: message models, their JSON Schema, the topic registry."""
