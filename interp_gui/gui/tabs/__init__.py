"""The tabs of the centre."""
