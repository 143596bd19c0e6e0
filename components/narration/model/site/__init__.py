"""Makes what is published of an article: audio files, marks, transcript, pages, feed, book."""
