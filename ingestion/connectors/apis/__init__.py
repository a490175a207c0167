"""REST APIs: how pages follow each other, how one request is made sure of, who may ask."""
