"""Values of person records in comparable form."""
