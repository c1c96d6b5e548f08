"""What knows PostgreSQL and no table: sessions past a pooler, prepared statements, whether there is work."""
