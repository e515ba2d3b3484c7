import Datasets
import Messaging
import Synchronization
import Threading

/// Reads samples of the coordinator's copy of the data set for workers that have none.
///
/// A worker has only so many samples under way, so what lies in the queues is bounded. The data set is opened when it is
/// first asked for.
package final class SampleServer: Sendable {
    private struct Question: Sendable {
        let worker: PeerID
        let request: SampleRequest
    }

    private let transport: any Transport
    private let questions = BlockingQueue<Question>()
    private let threads: [DedicatedThread]

    /// The name under which workers know the server.
    package static let id: PeerID = "samples"

    /// Where workers reach it.
    package var address: String? { transport.address }

    /// Starts to answer.
    ///
    /// - Parameters:
    ///   - transport: Where requests come in.
    ///   - threads: The number of threads that read samples.
    ///   - open: Opens the data set; called once.
    package init(
        _ transport: any Transport, threads: Int = 2,
        open: @escaping @Sendable () throws(DatasetError) -> any Dataset
    ) {
        self.transport = transport
        let questions = questions
        let dataset = OpenedOnce(open)
        let readers = (0..<threads).map { index in
            DedicatedThread(name: "samples-\(index)") {
                var sample = Sample(SampleShape(height: 1, width: 1, channels: 1))
                while case .element(let question) = questions.pop() {
                    let frames = Self.answer(question.request, dataset, &sample)
                    // A worker that is gone needs no answer.
                    if let frames { try? transport.send(frames, to: question.worker) }
                }
            }
        }
        let receiver = DedicatedThread(name: "samples") {
            transport.receiveAll { event in
                guard case .message(let worker, let frames) = event,
                    let request = SampleCodec.read(frames.first, as: SampleRequest.self),
                    request.samples.count <= SampleRequest.limit
                else { return }
                questions.push(Question(worker: worker, request: request))
            }
        }
        self.threads = readers + [receiver]
    }

    deinit { close() }

    /// Stops answering.
    package func close() {
        transport.close()
        questions.close()
    }

    private static func answer(
        _ request: SampleRequest, _ dataset: OpenedOnce, _ sample: inout Sample
    ) -> [Frame]? {
        var reply = SampleReply()
        var pixels: [Frame] = []
        do throws(DatasetError) {
            let dataset = try dataset.get()
            if request.samples.isEmpty { reply.description = DatasetDescription(dataset) }
            for key in request.samples {
                do throws(DatasetError) {
                    guard (0..<dataset.count(key.split)).contains(key.index), (0...1).contains(key.moment) else {
                        throw DatasetError(
                            problem: "\(dataset.name) has no sample \(key.index)", remedy: "start the same program")
                    }
                    try dataset.read(key.index, of: key.split, at: key.moment, into: &sample)
                    let content = SampleReply.Content(label: sample.label, shape: sample.shape.sizes)
                    reply.answers.append(.init(key, content: content))
                    pixels.append(sample.withPixels { Frame(copying: UnsafeRawBufferPointer($0)) })
                } catch {
                    reply.answers.append(.init(key, problem: "\(error)"))
                }
            }
        } catch {
            reply.problem = "\(error)"
            reply.answers = request.samples.map { .init($0, problem: "\(error)") }
        }
        return (try? SampleCodec.frame(reply)).map { [$0] + pixels }
    }
}

extension Transport {
    /// Hands each event to `body` until this side is closed.
    func receiveAll(_ body: (TransportEvent) -> Void) {
        while true {
            do {
                if let event = try receive(until: .now + .seconds(3600)) { body(event) }
            } catch {
                return
            }
        }
    }
}

/// A data set that is opened by whoever first needs it.
private final class OpenedOnce: Sendable {
    private let open: @Sendable () throws(DatasetError) -> any Dataset
    private let result = Mutex<Result<any Dataset, DatasetError>?>(nil)

    init(_ open: @escaping @Sendable () throws(DatasetError) -> any Dataset) { self.open = open }

    func get() throws(DatasetError) -> any Dataset {
        let opened = result.withLock { result in
            if let result { return result }
            let fresh = Result { () throws(DatasetError) in try open() }
            result = fresh
            return fresh
        }
        return try opened.get()
    }
}
