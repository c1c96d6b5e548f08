"""Calendar arithmetic: named rules, cron and RFC 5545, gaps and folds of zones. Its door is rules.py."""
