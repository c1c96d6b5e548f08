"""Runs the project on one machine: embedded services, the commands of ./todo, the demo. Not deployed."""
