import Tensors

/// Makes the batch of a request: reads, transforms and collates its samples one after the other.
struct BatchProducer: Sendable {
    private let pipeline: Pipeline
    private let seed: UInt64
    private let pool: MemoryPool
    private let onSkip: @Sendable (LoaderError) -> Void
    private let collation: Collation

    init(
        _ pipeline: Pipeline, seed: UInt64, pool: MemoryPool, onSkip: @escaping @Sendable (LoaderError) -> Void
    ) {
        self.onSkip = onSkip
        self.pipeline = pipeline
        self.seed = seed
        self.pool = pool
        collation = Collation(pipeline.sampleShape, pipeline.normalization)
    }

    /// The batch of `request` or why there is none; nil when `isWanted` turned false on the way.
    func batch(
        _ request: LoadRequest, through sample: inout Sample, while isWanted: () -> Bool
    ) -> Result<Batch, LoaderError>? {
        var rows = Rows()
        let moments = request.indices.map { moment($0, request) }
        let prefetch = pipeline.dataset.prefetch(request.indices, of: request.split, at: moments)
        defer { withExtendedLifetime(prefetch) {} }
        rows.frames = frames(request)
        do {
            let shape = collation.batchShape(request.indices.count, frames: rows.frames)
            let input = try Tensor(shape, pool: pool) { base in
                for (index, moment) in zip(request.indices, moments) {
                    guard isWanted() else { throw Interruption.unwanted }
                    do throws(DatasetError) {
                        try pipeline.dataset.read(index, of: request.split, at: moment, into: &sample)
                    } catch {
                        let fault = LoaderError.sample(
                            index: index, split: request.split, dataset: pipeline.dataset.name, cause: error)
                        guard pipeline.onError == .skip else { throw Interruption.unreadable(fault) }
                        onSkip(fault)
                        continue
                    }
                    transform(&sample, index: index, request)
                    collation.write(sample, toRow: rows.indices.count, of: base, frames: rows.frames)
                    rows.indices.append(index)
                    rows.targets.append(Int32(sample.label))
                    rows.lengths.append(sample.shape.frames)
                }
            }
            return .success(batch(input, rows, request))
        } catch Interruption.unreadable(let fault) {
            return .failure(fault)
        } catch {
            return nil
        }
    }

    /// The batch of the rows that were filled: all, unless samples were skipped.
    private func batch(_ input: Tensor, _ rows: Rows, _ request: LoadRequest) -> Batch {
        let count = rows.indices.count
        var input = input
        if input.shape[0] > count {
            let shape = collation.batchShape(count, frames: rows.frames)
            input = Tensor(shape, pool: pool) { base in
                input.withElements { base.update(from: $0, count: shape.count) }
            }
        }
        var lengths = rows.lengths
        let mixed = request.isAugmented ? mix(&input, rows, &lengths, epoch: request.epoch) : nil
        let isFull = lengths.allSatisfy { $0 == rows.frames }
        return Batch(
            input: input, lengths: isFull ? nil : lengths, targets: rows.targets, mixed: mixed, indices: rows.indices)
    }

    /// Mixes the samples if that is asked for; a mixed clip is as long as the longer one.
    private func mix(_ input: inout Tensor, _ rows: Rows, _ lengths: inout [Int], epoch: Int) -> MixedTargets? {
        guard let mixing = pipeline.mixing, let first = rows.indices.first else { return nil }
        // A sample comes once an epoch, so the first one names the batch.
        var random = RandomStream(seed: seed, StreamDomain.mixing, UInt64(epoch), UInt64(first))
        let count = rows.indices.count
        var shape = pipeline.sampleShape
        shape.frames = rows.frames
        let weight = input.withMutableElements(pool: pool) { base in
            mixing.mix(base, count: count, shape: shape, random: &random)
        }
        let others = (0..<count).map { ($0 + count - 1) % count }
        lengths = others.enumerated().map { max(rows.lengths[$0.offset], rows.lengths[$0.element]) }
        return MixedTargets(weight: weight, targets: others.map { rows.targets[$0] })
    }

    /// The number of frames that the clips of a batch are padded to.
    private func frames(_ request: LoadRequest) -> Int {
        guard pipeline.isBucketed else { return pipeline.sampleShape.frames }
        return request.indices.map { pipeline.dataset.frames($0, of: request.split) }.max()
            ?? pipeline.sampleShape.frames
    }

    /// Where in its recording sample `index` begins.
    private func moment(_ index: Int, _ request: LoadRequest) -> Float {
        guard request.isAugmented && pipeline.window == .random else { return 0.5 }
        var random = RandomStream(seed: seed, StreamDomain.window, UInt64(request.epoch), UInt64(index))
        return random.uniform()
    }

    private func transform(_ sample: inout Sample, index: Int, _ request: LoadRequest) {
        let transforms = request.isAugmented ? pipeline.training : pipeline.evaluation
        if transforms.isEmpty { return }
        var visit = Visit(seed: seed, epoch: request.epoch, index: index)
        for transform in transforms { transform.apply(to: &sample, &visit) }
    }

    /// Why filling a tensor ended early.
    private enum Interruption: Error {
        case unwanted
        case unreadable(LoaderError)
    }

    /// What belongs to the rows of a batch.
    private struct Rows {
        var indices: [Int] = []
        var targets: [Int32] = []
        var lengths: [Int] = []
        /// The number of frames of each row, padding included.
        var frames = 1
    }
}
