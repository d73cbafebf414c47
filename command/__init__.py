"""The operator's command line: it asks the function `operations`, and has no database itself."""
