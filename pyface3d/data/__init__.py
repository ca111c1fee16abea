"""Data sets: files and rendered faces as one documented sample dict."""
