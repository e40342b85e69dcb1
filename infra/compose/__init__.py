"""The stack in containers: what docker-compose.yml starts beside databases that are bought ready-made."""
