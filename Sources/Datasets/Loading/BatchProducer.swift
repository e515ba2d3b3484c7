import Tensors

/// Makes the batch of a request: reads, transforms and collates its samples one after the other.
struct BatchProducer: Sendable {
    private let dataset: any Dataset
    private let transforms: [any Transform]
    private let seed: UInt64
    private let pool: MemoryPool
    private let collation: Collation

    init(_ dataset: any Dataset, transforms: [any Transform], seed: UInt64, pool: MemoryPool) {
        self.dataset = dataset
        self.transforms = transforms
        self.seed = seed
        self.pool = pool
        collation = Collation(dataset.sampleShape, dataset.normalization)
    }

    /// The batch of `request` or why there is none; nil when `isWanted` turned false on the way.
    func batch(
        _ request: LoadRequest, through sample: inout Sample, while isWanted: () -> Bool
    ) -> Result<Batch, LoaderError>? {
        var targets = [Int32](repeating: 0, count: request.indices.count)
        do {
            let input = try Tensor(collation.batchShape(targets.count), pool: pool) { base in
                for (row, index) in request.indices.enumerated() {
                    guard isWanted() else { throw Interruption.unwanted }
                    do throws(DatasetError) {
                        try dataset.read(index, of: request.split, into: &sample)
                    } catch {
                        throw Interruption.unreadable(index, error)
                    }
                    if request.isAugmented { augment(&sample, index: index, epoch: request.epoch) }
                    collation.write(sample, toRow: row, of: base)
                    targets[row] = Int32(sample.label)
                }
            }
            return .success(Batch(input: input, lengths: nil, targets: targets, indices: Array(request.indices)))
        } catch Interruption.unreadable(let index, let cause) {
            return .failure(.sample(index: index, split: request.split, dataset: dataset.name, cause: cause))
        } catch {
            return nil
        }
    }

    private func augment(_ sample: inout Sample, index: Int, epoch: Int) {
        var random = RandomStream(seed: seed, StreamDomain.augmentation, UInt64(epoch), UInt64(index))
        for transform in transforms { transform.apply(to: &sample, random: &random) }
    }

    /// Why filling a tensor ended early.
    private enum Interruption: Error {
        case unwanted
        case unreadable(Int, DatasetError)
    }
}
