import Configuration

/// Which frames of a video become a clip: first a grid of frames over the whole video, then a window of the grid.
struct FrameSampling: Sendable, Equatable {
    /// How the grid is laid.
    enum Grid: Sendable, Equatable {
        /// As many frames as a clip has, evenly over the video.
        case count
        /// Every so many-th frame.
        case stride(Int)
        /// So many frames of each second.
        case rate(Double)
    }

    /// The largest number of frames of a clip.
    let frames: Int
    /// How the grid is laid.
    let grid: Grid

    init(_ configuration: MediaConfiguration) {
        frames = configuration.frames
        if let stride = configuration.stride.value {
            grid = .stride(stride)
        } else if let rate = configuration.rate.value {
            grid = .rate(rate)
        } else {
            grid = .count
        }
    }

    /// The frames of the grid over a video of `count` frames, `rate` of them a second; at least one, ascending.
    ///
    /// A video that does not tell its rate counts as one of the asked for rate.
    func grid(count: Int, rate: Double?) -> [Int] {
        switch grid {
        case .count:
            if count <= frames { return Array(0..<count) }
            // The middles of equal parts.
            return (0..<frames).map { (2 * $0 + 1) * count / (2 * frames) }
        case .stride(let step): return Array(stride(from: 0, to: count, by: step))
        case .rate(let wanted):
            // No frame twice: a slower video gives all that it has.
            let step = max(1, (rate ?? wanted) / wanted)
            let length = max(1, Int((Double(count) / step).rounded(.up)))
            return (0..<length).map { min(count - 1, Int(Double($0) * step)) }
        }
    }

    /// The part of a grid of `length` frames that begins at `moment`, from 0 for the first to 1 for the last possible one.
    func window(of length: Int, at moment: Float) -> Range<Int> {
        let room = max(0, length - frames)
        let start = min(room, Int(moment * Float(room + 1)))
        return start..<min(length, start + frames)
    }
}
