//! No shard that has a subscriber is ever left out, whatever came and went, and whoever tells at
//! the same time.
