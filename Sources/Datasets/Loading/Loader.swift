import Tensors
import Threading

/// Reads, decodes, transforms and collates batches ahead on threads of its own, and delivers them in order.
///
/// Each thread makes a whole batch. The threads live as long as the loader, over any number of epochs; requests of the
/// next epoch may be enqueued before this one ends. One thread may call `next`; other calls may come from any.
///
/// - Determinism: a sample's random numbers come from (seed, epoch, index), so a batch depends on its request and the
///   seed alone, not on threads, workers, or what was loaded before.
public final class Loader: BatchSource, Sendable {
    private let queue: LoadQueue
    private let threads: [DedicatedThread]
    private let dataset: any Dataset

    /// Starts the threads; they wait for requests.
    ///
    /// - Parameters:
    ///   - pipeline: The data set and the transforms of its samples.
    ///   - threads: The number of threads, at least 1.
    ///   - readAhead: The largest number of batches in memory that are ready or being made, at least 1.
    ///   - pool: Where the batches' tensors live.
    ///   - onSkip: Called, on a thread of the loader, with each sample that is left out because it cannot be read.
    public init(
        _ pipeline: Pipeline, seed: UInt64, threads: Int = 1, readAhead: Int = 4, pool: MemoryPool,
        onSkip: @escaping @Sendable (LoaderError) -> Void = { _ in }
    ) {
        precondition(threads >= 1 && readAhead >= 1, "a loader has a thread and room for a batch")
        let queue = LoadQueue(readAhead: readAhead)
        let producer = BatchProducer(pipeline, seed: seed, pool: pool, onSkip: onSkip)
        self.queue = queue
        dataset = pipeline.dataset
        self.threads = (0..<threads).map { index in
            DedicatedThread(name: "loader-\(index)") {
                var sample = Sample(pipeline.dataset.sampleShape)
                while let (ticket, request) = queue.take() {
                    let outcome = producer.batch(request, through: &sample) { queue.wants(ticket) }
                    if let outcome { queue.put(outcome, for: ticket) }
                }
            }
        }
    }

    deinit { queue.close() }

    /// Appends requests; their batches come after those of earlier ones.
    public func enqueue(_ requests: some Sequence<LoadRequest>) { queue.append(requests) }

    /// Forgets all requests that were not delivered, as when the members of a run change.
    public func removeAll() { queue.removeAll() }

    /// The batch of the oldest request, or nil when there is none.
    ///
    /// - Parameter timeout: How long to wait for it.
    /// - Throws: When a sample of this batch could not be read (later batches still come), when the batch is not there
    ///   in time (it can still be asked for), or when the loader is closed.
    public func next(timeout: Duration) throws(LoaderError) -> Batch? {
        switch queue.next(timeout: timeout) {
        case .outcome(let outcome): return try outcome.get()
        case .empty: return nil
        case .closed: throw .closed(dataset: dataset.name)
        case .timedOut(let request):
            throw .timedOut(dataset: dataset.name, request: request, threads: threads.count, waited: timeout)
        }
    }

    /// The batch of the oldest request, waiting a minute for it at most.
    public func next() throws(LoaderError) -> Batch? { try next(timeout: .seconds(60)) }

    /// The time that `next` has waited for batches in all, since the loader was made.
    public var timeWaited: Duration { queue.timeWaited }

    /// Drops all batches and ends the threads; each finishes the sample that it is at.
    ///
    /// - Returns: Whether all threads have ended when `timeout` has passed.
    @discardableResult
    public func close(timeout: Duration = .seconds(10)) -> Bool {
        queue.close()
        let deadline = ContinuousClock.now + timeout
        return threads.allSatisfy { $0.join(until: deadline) }
    }
}
