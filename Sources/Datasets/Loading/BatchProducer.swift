import Tensors

/// Makes the batch of a request: reads, transforms and collates its samples one after the other.
struct BatchProducer: Sendable {
    private let pipeline: Pipeline
    private let seed: UInt64
    private let pool: MemoryPool
    private let collation: Collation

    init(_ pipeline: Pipeline, seed: UInt64, pool: MemoryPool) {
        self.pipeline = pipeline
        self.seed = seed
        self.pool = pool
        collation = Collation(pipeline.sampleShape, pipeline.dataset.normalization)
    }

    /// The batch of `request` or why there is none; nil when `isWanted` turned false on the way.
    func batch(
        _ request: LoadRequest, through sample: inout Sample, while isWanted: () -> Bool
    ) -> Result<Batch, LoaderError>? {
        var targets = [Int32](repeating: 0, count: request.indices.count)
        var lengths = [Int](repeating: pipeline.sampleShape.frames, count: targets.count)
        do {
            let input = try Tensor(collation.batchShape(targets.count), pool: pool) { base in
                for (row, index) in request.indices.enumerated() {
                    guard isWanted() else { throw Interruption.unwanted }
                    do throws(DatasetError) {
                        try pipeline.dataset.read(index, of: request.split, into: &sample)
                    } catch {
                        throw Interruption.unreadable(index, error)
                    }
                    transform(&sample, index: index, request)
                    collation.write(sample, toRow: row, of: base)
                    targets[row] = Int32(sample.label)
                    lengths[row] = sample.shape.frames
                }
            }
            let isFull = lengths.allSatisfy { $0 == pipeline.sampleShape.frames }
            return .success(
                Batch(
                    input: input, lengths: isFull ? nil : lengths, targets: targets, indices: Array(request.indices)))
        } catch Interruption.unreadable(let index, let cause) {
            return .failure(.sample(index: index, split: request.split, dataset: pipeline.dataset.name, cause: cause))
        } catch {
            return nil
        }
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
        case unreadable(Int, DatasetError)
    }
}
