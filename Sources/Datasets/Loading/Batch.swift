import Tensors

/// The samples of one request as a network takes them.
public struct Batch: Sendable {
    /// The normalised pixels: images `[N, H, W, C]`, clips `[N, T, H, W, C]`.
    public let input: Tensor
    /// The number of frames of each clip before its padding; nil when every sample fills its shape.
    public let lengths: [Int]?
    /// The class of each sample.
    public let targets: [Int32]
    /// The second targets, when samples were mixed.
    public let mixed: MixedTargets?
    /// The index of each sample in its split.
    public let indices: [Int]

    /// The number of samples.
    public var count: Int { indices.count }

    /// Gathers samples; `indices` tells which they are.
    public init(input: Tensor, lengths: [Int]?, targets: [Int32], mixed: MixedTargets? = nil, indices: [Int]) {
        self.input = input
        self.lengths = lengths
        self.targets = targets
        self.mixed = mixed
        self.indices = indices
    }
}

/// Where the batches of a step come from.
public protocol BatchSource {
    /// The next batch, or nil when there is none.
    func next() throws -> Batch?
}

/// Turns decoded samples into rows of a batch: float = byte · scale + offset, for each channel.
///
/// - Determinism: the same bits on every host; a multiplication and an addition, rounded each.
struct Collation: Sendable {
    private let shape: SampleShape
    // One value for each byte of a row of pixels, so that the loop over a row has no channel index and vectorises.
    private let scales: [Float]
    private let offsets: [Float]

    init(_ shape: SampleShape, _ normalization: Normalization) {
        precondition(normalization.mean.count == shape.channels, "one mean and deviation for each channel")
        self.shape = shape
        scales = (0..<shape.rowBytes).map { normalization.scale($0 % shape.channels) }
        offsets = (0..<shape.rowBytes).map { normalization.offset($0 % shape.channels) }
    }

    private func padded(to frames: Int) -> SampleShape {
        var padded = shape
        padded.frames = frames
        return padded
    }

    /// The shape of a batch of `count` samples, clips padded to `frames`.
    func batchShape(_ count: Int, frames: Int) -> Shape { Shape([count] + padded(to: frames).dimensions) }

    /// Writes row `row` of a batch that starts at `batch`; behind the frames of a short clip stand zeros up to `frames`.
    func write(_ sample: Sample, toRow row: Int, of batch: UnsafeMutablePointer<Float>, frames: Int) {
        let padded = padded(to: frames)
        var whole = sample.shape
        whole.frames = frames
        precondition(
            whole == padded && sample.shape.frames <= frames, "a sample of \(sample.shape) in a batch of \(padded)")
        let target = batch + row * padded.count
        let count = sample.shape.count
        (target + count).update(repeating: 0, count: padded.count - count)
        sample.withPixels { pixels in
            scales.withUnsafeBufferPointer { scales in
                offsets.withUnsafeBufferPointer { offsets in
                    guard let pixels = pixels.baseAddress, let scales = scales.baseAddress,
                        let offsets = offsets.baseAddress
                    else { return }
                    for start in stride(from: 0, to: count, by: shape.rowBytes) {
                        let source = pixels + start
                        let line = target + start
                        for index in 0..<shape.rowBytes {
                            line[index] = Float(source[index]) * scales[index] + offsets[index]
                        }
                    }
                }
            }
        }
    }
}
