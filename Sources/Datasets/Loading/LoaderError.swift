/// A batch that a loader could not deliver.
public enum LoaderError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sample could not be read.
    case sample(index: Int, split: Split, dataset: String, cause: DatasetError)
    /// The loader's threads have not delivered in time.
    case timedOut(dataset: String, request: LoadRequest, threads: Int, waited: Duration)
    /// The loader was closed.
    case closed(dataset: String)

    /// The error as one sentence.
    public var description: String {
        switch self {
        case .sample(let index, let split, let dataset, let cause):
            "sample \(index) of the \(split) split of \(dataset) cannot be read: \(cause)"
        case .timedOut(let dataset, let request, let threads, let waited):
            "waited \(waited) for \(request.indices.count) samples of the \(request.split) split of \(dataset), the first "
                + "\(request.indices.first ?? 0); see whether the disk or network folder answers, or set "
                + "data.loader_threads above \(threads)"
        case .closed(let dataset):
            "the loader of \(dataset) was closed while a batch was asked of it; open a new one"
        }
    }
}
