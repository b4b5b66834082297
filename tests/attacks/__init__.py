"""Files and servers of strangers: what they try, and what comes of it."""
