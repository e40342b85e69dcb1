"""What the system runs on: local/ on one computer, cloud/ on AWS."""
