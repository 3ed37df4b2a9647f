"""Work on pictures on the host, shared by preparation and prediction: decoding, alignment, faces, bodies."""
