/// Where the frames of sequences of unequal length lie without padding: step by step, the longest sequences first, so
/// that at each step the ones still under way are the first rows.
///
/// - Source: `torch.nn.utils.rnn.pack_padded_sequence(enforce_sorted=False)`.
struct PackedOrder: Sendable {
    /// Some rows of one step, and the rows of the step before it in the order of processing.
    struct Step: Sendable {
        /// The first row and the number of rows.
        let start, count: Int
        /// The first row of the step before, and how many rows of this step have one there.
        let previousStart, previousCount: Int

        /// The part that belongs to some of the sequences, counted from the longest.
        func clipped(to sequences: Range<Int>) -> Step {
            Step(
                start: start + sequences.lowerBound, count: sequences.clamped(to: 0..<count).count,
                previousStart: previousStart + sequences.lowerBound,
                previousCount: sequences.clamped(to: 0..<previousCount).count)
        }
    }

    /// Frames of the padded batch.
    let frames: Int
    /// The number of sequences and of rows.
    let sequences, rows: Int
    private let order: [Int]
    private let counts: [Int]
    private let starts: [Int]

    /// Orders a batch of sequences, all of `frames` frames when there are no lengths.
    ///
    /// - Precondition: there is one length, from 1 to `frames`, for each sequence.
    init(sequences: Int, frames: Int, lengths: [Int]?) {
        let lengths = lengths ?? Array(repeating: frames, count: sequences)
        precondition(lengths.count == sequences, "\(lengths.count) lengths for \(sequences) sequences")
        precondition(lengths.allSatisfy((1...frames).contains), "a length of \(lengths) is not in 1...\(frames)")
        self.sequences = sequences
        self.frames = frames
        order = (0..<sequences).sorted { lengths[$0] == lengths[$1] ? $0 < $1 : lengths[$0] > lengths[$1] }
        let counts = (0..<frames).map { step in lengths.count { $0 > step } }.filter { $0 > 0 }
        self.counts = counts
        starts = counts.indices.map { counts[..<$0].reduce(0, +) }
        rows = counts.reduce(0, +)
    }

    /// Whether some frames are left out.
    var hasPadding: Bool { rows < sequences * frames }

    /// The steps in the order of processing.
    func steps(reversed: Bool) -> [Step] {
        let steps = Array(counts.indices)
        return (reversed ? steps.reversed() : steps).map { step in
            let before = reversed ? step + 1 : step - 1
            guard counts.indices.contains(before) else {
                return Step(start: starts[step], count: counts[step], previousStart: starts[step], previousCount: 0)
            }
            return Step(
                start: starts[step], count: counts[step], previousStart: starts[before],
                previousCount: min(counts[step], counts[before]))
        }
    }

    /// Calls `body` with each row and the number of its frame in the padded batch.
    func forEachFrame(_ body: (_ row: Int, _ frame: Int) -> Void) {
        for step in counts.indices {
            for place in 0..<counts[step] { body(starts[step] + place, order[place] * frames + step) }
        }
    }
}
