/// The mean of each channel over some rows, and the sum of squared distances from it.
struct Moments {
    private(set) var mean: [Float]
    private(set) var m2: [Float]

    /// Merges the moments of parts of `grain` rows; see ``merge(_:_:_:channels:rows:grain:)``.
    init(merging slots: UnsafePointer<Float>, channels: Int, rows: Int, grain: Int) {
        mean = Array(repeating: 0, count: channels)
        m2 = Array(repeating: 0, count: channels)
        mean.withUnsafeMutableBufferPointer { mean in
            m2.withUnsafeMutableBufferPointer { m2 in
                guard let mean = mean.baseAddress, let m2 = m2.baseAddress else { return }
                Self.merge(slots, mean, m2, channels: channels, rows: rows, grain: grain)
            }
        }
    }

    /// Merges the moments of parts of `grain` rows, the last one perhaps shorter; each part has its means and then its
    /// sums in `slots`.
    ///
    /// - Determinism: part by part from the first on.
    /// - Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    static func merge(
        _ slots: UnsafePointer<Float>, _ mean: UnsafeMutablePointer<Float>, _ m2: UnsafeMutablePointer<Float>,
        channels: Int, rows: Int, grain: Int
    ) {
        mean.update(repeating: 0, count: channels)
        m2.update(repeating: 0, count: channels)
        for (part, first) in stride(from: 0, to: rows, by: grain).enumerated() {
            let slot = slots + part * 2 * channels
            let (before, count) = (Float(first), Float(min(grain, rows - first)))
            let weight = count / (before + count)
            for c in 0..<channels {
                let difference = slot[c] - mean[c]
                mean[c] += difference * weight
                m2[c] += slot[channels + c] + difference * difference * before * weight
            }
        }
    }
}
