"""Wire protocols: one adapter for each database, chosen by configuration and never by sniffing."""
