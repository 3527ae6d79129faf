//! The picture, the page and the feed as a browser or a calendar program sees them. Not here: what is open.
