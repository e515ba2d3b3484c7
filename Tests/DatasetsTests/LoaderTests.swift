import Datasets
import Foundation
import Synchronization
import Tensors
import Testing

@Suite("Loader")
struct LoaderTests {
    /// Small samples whose bytes tell split and index; some cannot be read, some wait until they are released.
    private final class Numbered: Dataset {
        let name = "numbered"
        let classes = ["even", "odd"]
        let sampleShape = SampleShape(height: 2, width: 3, channels: 2)
        let normalization = Normalization(mean: [0.5, 0.25], deviation: [0.5, 0.2])
        let digest = ""
        let broken: Set<Int>
        let gate: DispatchSemaphore?
        let entered = DispatchSemaphore(value: 0)
        let reads = Mutex(0)

        init(broken: Set<Int> = [], gate: DispatchSemaphore? = nil) {
            self.broken = broken
            self.gate = gate
        }

        func count(_ split: Split) -> Int { split == .train ? 101 : 17 }

        func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
            entered.signal()
            gate?.wait()
            reads.withLock { $0 += 1 }
            if broken.contains(index) {
                throw DatasetError(file: "numbers", offset: index, problem: "is broken", remedy: "count again")
            }
            sample.reshape(to: sampleShape)
            sample.label = index % 2
            sample.withMutablePixels { pixels in
                for place in pixels.indices { pixels[place] = UInt8(index + place + (split == .train ? 0 : 128)) }
            }
        }
    }

    private static func requests(_ epoch: Int, batch: Int = 8, shards: Int = 1) -> [LoadRequest] {
        let plan = BatchPlan(EpochOrder(count: 101, seed: 9, epoch: epoch), batchSize: batch, shards: shards)
        return (0..<plan.steps).flatMap { step in
            (0..<shards).map { .training(plan.shard($0, of: step), epoch: epoch) }
        }
    }

    private static func all(_ loader: Loader) throws -> [Batch] {
        var batches: [Batch] = []
        while let batch = try loader.next(timeout: .seconds(20)) { batches.append(batch) }
        return batches
    }

    @Test("batches come in order, with the normalised pixels, labels and indices of their requests")
    func deliversInOrder() throws {
        let dataset = Numbered()
        let loader = Loader(try Pipeline(dataset), seed: 1, threads: 3, readAhead: 5, pool: MemoryPool())
        let requests = Self.requests(0)
        loader.enqueue(requests)
        loader.enqueue([.evaluation([16, 2])])
        let batches = try Self.all(loader)
        #expect(batches.map(\.indices) == requests.map { Array($0.indices) } + [[16, 2]])
        for (position, batch) in batches.enumerated() {
            #expect(batch.targets == batch.indices.map { Int32($0 % 2) })
            #expect(batch.input.shape == [batch.count, 2, 3, 2])
            let first = position == batches.count - 1 ? 128 : 0
            let expected = batch.indices.flatMap { index in
                (0..<12).map { (place: Int) -> Float in
                    let channel = place % 2
                    let value = Float(first + index + place) / 255
                    return (value - dataset.normalization.mean[channel]) / dataset.normalization.deviation[channel]
                }
            }
            #expect(zip(batch.input.elements, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "batch \(position)")
        }
        #expect(loader.close())
    }

    @Test("batches have the same bits for any number of threads, shards and any order of loading")
    func dependsOnRequestAlone() throws {
        func rows(threads: Int, shards: Int, epochs: [Int]) throws -> [[Int]: [UInt32]] {
            let augment = [TransformSetting(RandomCrop()), TransformSetting(HorizontalFlip())]
            let loader = Loader(
                try Pipeline(Shapes(train: 101), augment: augment), seed: 4, threads: threads, readAhead: 3,
                pool: MemoryPool())
            defer { loader.close() }
            for epoch in epochs { loader.enqueue(Self.requests(epoch, batch: 32, shards: shards).prefix(2 * shards)) }
            var rows: [[Int]: [UInt32]] = [:]
            var visits: [Int: Int] = [:]
            for batch in try Self.all(loader) {
                let bits = batch.input.elements.map(\.bitPattern)
                for (row, index) in batch.indices.enumerated() {
                    let visit = visits[index, default: 0]
                    visits[index] = visit + 1
                    rows[[index, visit]] = Array(bits[row * 3072..<(row + 1) * 3072])
                }
            }
            return rows
        }
        let one = try rows(threads: 1, shards: 1, epochs: [2])
        #expect(one.count == 64)
        #expect(try rows(threads: 3, shards: 5, epochs: [2]) == one)
        let other = try rows(threads: 2, shards: 2, epochs: [3])
        let shared = Set(one.keys).intersection(other.keys)
        #expect(!shared.isEmpty && shared.contains { one[$0] != other[$0] }, "epochs differ")
    }

    @Test("evaluation leaves samples as they are")
    func evaluatesWithoutTransforms() throws {
        let requests: [LoadRequest] = [.evaluation([3, 1, 4], of: .train)]
        let plain = Loader(try Pipeline(Numbered()), seed: 1, pool: MemoryPool())
        let augmenting = Loader(
            try Pipeline(Numbered(), augment: [TransformSetting(HorizontalFlip())]), seed: 1, pool: MemoryPool())
        plain.enqueue(requests)
        augmenting.enqueue(requests)
        let first = try #require(try plain.next())
        let second = try #require(try augmenting.next())
        #expect(first.input.elements == second.input.elements)
        plain.close()
        augmenting.close()
    }

    @Test("an empty request gives an empty batch")
    func deliversEmptyBatch() throws {
        let loader = Loader(try Pipeline(Numbered()), seed: 1, pool: MemoryPool())
        loader.enqueue([.training([], epoch: 0)])
        let batch = try #require(try loader.next())
        #expect(batch.count == 0 && batch.input.shape == [0, 2, 3, 2])
        #expect(try loader.next() == nil)
        loader.close()
    }

    @Test("a sample that cannot be read is an error at its batch's turn, and later batches still come")
    func surfacesErrorsInOrder() throws {
        let loader = Loader(try Pipeline(Numbered(broken: [5])), seed: 1, threads: 2, pool: MemoryPool())
        loader.enqueue([.training([1, 2], epoch: 0), .training([4, 5], epoch: 0), .training([6], epoch: 0)])
        #expect(try loader.next()?.indices == [1, 2])
        let error = try #require(throws: LoaderError.self) { try loader.next() }
        #expect(
            "\(error)"
                == "sample 5 of the train split of numbered cannot be read: numbers, byte 5: is broken; count again")
        #expect(try loader.next()?.indices == [6])
        #expect(try loader.next() == nil)
        loader.close()
    }

    @Test("a batch that does not come in time is an error, counted as waiting, and can be asked for again")
    func timesOut() throws {
        let gate = DispatchSemaphore(value: 0)
        let loader = Loader(try Pipeline(Numbered(gate: gate)), seed: 1, pool: MemoryPool())
        loader.enqueue([.training([7, 8], epoch: 0)])
        let error = try #require(throws: LoaderError.self) { try loader.next(timeout: .milliseconds(20)) }
        #expect(
            "\(error)"
                == "waited 0.02 seconds for 2 samples of the train split of numbered, the first 7; see whether the "
                + "disk or network folder answers, or set data.loader_threads above 1")
        #expect(loader.timeWaited >= .milliseconds(20))
        gate.signal()
        gate.signal()
        #expect(try loader.next(timeout: .seconds(20))?.indices == [7, 8])
        #expect(loader.close())
    }

    @Test("closing ends the threads after the sample that they are at")
    func closesPromptly() throws {
        let gate = DispatchSemaphore(value: 0)
        let dataset = Numbered(gate: gate)
        let loader = Loader(try Pipeline(dataset), seed: 1, pool: MemoryPool())
        loader.enqueue([.training(ArraySlice(0..<100), epoch: 0)])
        dataset.entered.wait()
        #expect(!loader.close(timeout: .milliseconds(20)), "the thread is in the middle of its first sample")
        gate.signal()
        #expect(loader.close(timeout: .seconds(20)))
        #expect(dataset.reads.withLock { $0 } == 1)
        let error = try #require(throws: LoaderError.self) { try loader.next() }
        #expect("\(error)" == "the loader of numbered was closed while a batch was asked of it; open a new one")
    }

    @Test("forgotten requests are not delivered, and later ones are")
    func forgetsRequests() throws {
        let loader = Loader(try Pipeline(Numbered()), seed: 1, threads: 2, readAhead: 2, pool: MemoryPool())
        loader.enqueue(Self.requests(0))
        _ = try loader.next()
        loader.removeAll()
        #expect(try loader.next() == nil)
        loader.enqueue([.training([42], epoch: 1)])
        #expect(try loader.next()?.indices == [42])
        #expect(try loader.next() == nil)
        loader.close()
    }

    @Test("threads read no further ahead than allowed")
    func boundsReadAhead() throws {
        let gate = DispatchSemaphore(value: 0)
        let dataset = Numbered(gate: gate)
        let loader = Loader(try Pipeline(dataset), seed: 1, threads: 4, readAhead: 2, pool: MemoryPool())
        loader.enqueue((0..<50).map { .training([$0], epoch: 0) })
        for _ in 0..<50 { gate.signal() }
        for expected in 0..<50 {
            #expect(try loader.next()?.indices == [expected])
            #expect(dataset.reads.withLock { $0 } <= expected + 1 + 2)
        }
        #expect(loader.close())
    }
}
