import Cluster
import Configuration
import Datasets
import Foundation
import Messaging
import Synchronization
import Tensors
import Testing
import Threading
import Training

@Suite("Samples from the coordinator")
struct SampleStreamTests {
    private static func configuration(_ overrides: String...) throws -> DataConfiguration {
        try RunConfiguration.defaults(overrides: overrides).data
    }

    /// A server of `data`'s data set on a socket of this host, and its address.
    private static func server(_ data: DataConfiguration) throws -> (SampleServer, String) {
        let door = try ZeroMQTransport(
            id: SampleServer.id, listeningAt: "ipc://@convoy-test-samples-\(UUID().uuidString)")
        let server = SampleServer(door) { () throws(DatasetError) in
            try DatasetCatalog.open(data, environmentPath: nil)
        }
        return (server, try #require(door.address))
    }

    private static func batches(_ pipeline: Pipeline, threads: Int = 2) throws -> [[UInt32]] {
        let loader = Loader(pipeline, seed: 3, threads: threads, pool: MemoryPool())
        defer { loader.close() }
        loader.enqueue([
            .training(ArraySlice([9, 4, 17, 2, 30]), epoch: 1), .training(ArraySlice(40..<80), epoch: 1),
            .evaluation(ArraySlice(0..<7)),
        ])
        var batches: [[UInt32]] = []
        while let batch = try loader.next(timeout: .seconds(20)) {
            batches.append(batch.input.elements.map(\.bitPattern) + batch.targets.map(UInt32.init(bitPattern:)))
        }
        return batches
    }

    @Test(
        "streamed samples are the bits of a copy, clips of unequal length too", arguments: ["shapes", "moving_shapes"])
    func streamsSameBits(name: String) throws {
        var data = try Self.configuration("data.name=\(name)", "data.limit=100")
        let (server, address) = try Self.server(data)
        defer { server.close() }
        let local = try DatasetCatalog.pipeline(data, environmentPath: nil)
        data.delivery = .stream
        let streamed = try WorkerData(data, environmentPath: nil, server: address) { _, _ in }.pipeline()
        #expect(streamed.dataset.digest == local.dataset.digest && streamed.dataset.classes == local.dataset.classes)
        #expect(streamed.dataset.count(.train) == 100 && streamed.sampleShape == local.sampleShape)
        for split in [Split.train, .test] {
            #expect(streamed.dataset.frames(5, of: split) == local.dataset.frames(5, of: split))
        }
        #expect(try Self.batches(streamed) == Self.batches(local))
    }

    @Test("a worker without its files takes the coordinator's, with a line in the log")
    func replacesMissing() throws {
        var data = try Self.configuration("data.name=shapes", "data.limit=90")
        let (server, address) = try Self.server(data)
        defer { server.close() }
        let local = try DatasetCatalog.pipeline(data, environmentPath: nil)
        // The coordinator has what the worker lacks; augmentation is the worker's.
        data.augment.value = data.augmentation
        data.name = "cifar10"
        data.path.value = "/nowhere"
        let lines = Mutex([String]())
        let worker = WorkerData(data, environmentPath: nil, server: address) { _, line in
            lines.withLock { $0.append(line) }
        }
        #expect(try Self.batches(worker.pipeline()) == Self.batches(local))
        let line = try #require(lines.withLock { $0 }.first)
        #expect(line.hasPrefix("/nowhere: holds no folder 'cifar-10-batches-bin' with cifar10; "))
        #expect(line.hasSuffix("; samples come from the coordinator instead"))
    }

    /// Samples of another data set, some of which cannot be read.
    private struct Damaged: Dataset {
        let base = Shapes(train: 100)
        var name: String { base.name }
        var classes: [String] { base.classes }
        var sampleShape: SampleShape { base.sampleShape }
        var normalization: Normalization { base.normalization }
        var digest: String { base.digest }
        func count(_ split: Split) -> Int { base.count(split) }
        func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
            if index % 4 == 1 { throw DatasetError(file: "shape-\(index)", problem: "is damaged", remedy: nil) }
            try base.read(index, of: split, into: &sample)
        }
    }

    @Test("a worker takes samples that it cannot read from the coordinator and names them")
    func replacesDamaged() throws {
        let data = try Self.configuration("data.name=shapes", "data.limit=100")
        let (server, address) = try Self.server(data)
        defer { server.close() }
        let lines = Mutex([String]())
        var far = data
        far.delivery = .stream
        let streamed = try #require(
            WorkerData(far, environmentPath: nil, server: address) { _, _ in }.pipeline().dataset as? StreamedDataset)
        let backed = BackedDataset(Damaged(), backup: streamed) { line in lines.withLock { $0.append(line) } }
        let local = try DatasetCatalog.pipeline(data, environmentPath: nil)
        #expect(try Self.batches(DatasetCatalog.pipeline(backed, data)) == Self.batches(local))
        #expect(
            lines.withLock { $0 }.contains(
                "shape-9: is damaged; sample 9 of the train split comes from the coordinator instead"))
    }

    @Test("where the coordinator cannot help, the own fault is reported")
    func reportsOwnFault() throws {
        let data = try Self.configuration("data.name=cifar10", "data.path=/nowhere")
        let (server, address) = try Self.server(data)
        defer { server.close() }
        var worker = data
        let own = try #require(throws: DatasetError.self) {
            _ = try WorkerData(worker, environmentPath: nil, server: address) { _, _ in }.pipeline()
        }
        #expect(own.file == "/nowhere")
        worker.delivery = .stream
        let far = try #require(throws: DatasetError.self) {
            _ = try WorkerData(worker, environmentPath: nil, server: address) { _, _ in }.pipeline()
        }
        #expect(far.problem.hasPrefix("on the coordinator: /nowhere: holds no folder 'cifar-10-batches-bin'"))
    }

    @Test("a worker whose copy differs from the coordinator's takes the coordinator's, with a line in the log")
    func replacesDifferent() throws {
        let data = try Self.configuration("data.name=shapes", "data.limit=100")
        let door = try ZeroMQTransport(
            id: SampleServer.id, listeningAt: "ipc://@convoy-test-samples-\(UUID().uuidString)")
        let server = SampleServer(door) { () throws(DatasetError) in Shapes(seed: 2, train: 100) }
        defer { server.close() }
        let lines = Mutex([String]())
        let pipeline = try WorkerData(data, environmentPath: nil, server: door.address) { _, line in
            lines.withLock { $0.append(line) }
        }.pipeline()
        #expect(try Self.batches(pipeline) == Self.batches(DatasetCatalog.pipeline(Shapes(seed: 2, train: 100), data)))
        let (own, far) = (Shapes().digest.prefix(12), Shapes(seed: 2, train: 100).digest.prefix(12))
        #expect(
            lines.withLock { $0 } == [
                "the copy of shapes differs from the coordinator's (digest \(own), there \(far)); samples come from "
                    + "the coordinator instead"
            ])
    }

    /// The far end of a stream, answered by hand.
    private struct Far {
        let network = InMemoryNetwork()
        let endpoint: any Transport
        let stream: SampleStream
        var open: [(request: SampleRequest, worker: PeerID)] = []

        init(credit: Int) throws {
            endpoint = try network.endpoint("samples", at: "samples")
            stream = try SampleStream(
                network.endpoint("worker"), server: "samples", at: "samples", credit: credit)
        }

        /// Waits for the next request.
        mutating func hear() throws {
            let deadline = ContinuousClock.now + .seconds(10)
            while let event = try endpoint.receive(until: deadline) {
                if case .message(let worker, let frames) = event,
                    let request: SampleRequest = SampleCodec.read(frames.first)
                {
                    return open.append((request, worker))
                }
            }
            throw DatasetError(problem: "no request came", remedy: nil)
        }

        /// The number of samples that are asked for and not answered.
        var underWay: Int { open.map(\.request.samples.count).reduce(0, +) }

        /// Answers the oldest request.
        mutating func answer() throws -> [SampleKey] {
            let (request, worker) = open.removeFirst()
            let reply = SampleReply(
                request.samples.map { .init($0, content: .init(label: 0, shape: [1, 1, 1, 1])) })
            let pixels = request.samples.map { Frame([UInt8($0.index)]) }
            try endpoint.send([SampleCodec.frame(reply)] + pixels, to: worker)
            return request.samples
        }
    }

    @Test("a worker asks ahead in groups, and never for more than its credit")
    func keepsCredit() throws {
        var far = try Far(credit: 32)
        defer { far.endpoint.close() }
        let keys = (0..<100).map { SampleKey($0, of: .train, at: 0.5) }
        let prefetch = far.stream.prefetch(keys)
        defer { withExtendedLifetime(prefetch) {} }
        for _ in 0..<2 { try far.hear() }
        var taken: [UInt8] = []
        while taken.count < keys.count {
            // The next request comes after a group was taken only.
            #expect(far.underWay <= 32)
            for key in try far.answer() { taken += try #require(far.stream.take(key).pixels).bytes }
            if taken.count + far.underWay < keys.count { try far.hear() }
        }
        #expect(taken == Array(0..<100))
    }

    @Test("samples that were fetched ahead and not used hold nobody up, and are forgotten")
    func forgets() throws {
        var far = try Far(credit: 16)
        defer { far.endpoint.close() }
        var prefetch: Prefetch? = far.stream.prefetch((0..<40).map { SampleKey($0, of: .train, at: 0.5) })
        try far.hear()
        let stream = far.stream
        let urgent = SampleKey(77, of: .test, at: 0.5)
        let taken = Mutex<[UInt8]?>(nil)
        let taker = DedicatedThread(name: "taker") { taken.withLock { $0 = try? stream.take(urgent).pixels?.bytes } }
        try far.hear()
        #expect(far.open.last?.request.samples == [urgent])
        far.open.swapAt(0, 1)
        _ = try far.answer()
        #expect(taker.join(until: .now + .seconds(10)))
        #expect(taken.withLock { $0 } == [77])
        #expect(prefetch != nil)
        prefetch = nil
        // The credit is free again, and what was only wanted is not asked for any more.
        let next = (50..<66).map { SampleKey($0, of: .train, at: 0.5) }
        let other = far.stream.prefetch(next)
        defer { withExtendedLifetime(other) {} }
        try far.hear()
        #expect(far.open.last?.request.samples == next)
    }
}
