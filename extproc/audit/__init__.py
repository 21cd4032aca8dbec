"""Evidence: what happened, as spans, sealed recordings and a log, each made from one `Entry`."""
