import Testing

/// Tests that start the real program; one at a time, so that each has the processors that its deadlines assume.
@Suite("End to end", .serialized)
enum EndToEnd {}
