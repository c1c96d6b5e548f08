"""Calendar arithmetic: named rules and cron, gaps and folds of zones. Pure Python; rules.py is its door."""
