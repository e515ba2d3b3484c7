import Foundation
import Synchronization
import Threading

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One file on its way from a web server to the disk; what a broken attempt left is gone on with.
final class Download: NSObject, URLSessionDataDelegate, Sendable {
    /// Called with the bytes that are there and, if the server said it, how many there will be.
    typealias Progress = @Sendable (_ done: Int, _ total: Int?) -> Void

    private struct State {
        var file: FileHandle?
        var done = 0
        var total: Int?
        var failure: String?
        var isOver = false
    }

    private let address: String
    private let partial: String
    private let progress: Progress
    private let state = Mutex(State())
    private let isOver = DispatchSemaphore(value: 0)

    /// The seconds without a byte after which a download is given up.
    private static let idleSeconds = 60.0
    /// The longest time that one file may take, in seconds.
    private static let patience = 86_400.0

    private init(_ address: String, partial: String, progress: @escaping Progress) {
        self.address = address
        self.partial = partial
        self.progress = progress
    }

    /// Loads `address` into the file at `path`; until it is whole it lies at `path` with `.part` behind it.
    ///
    /// - Throws: ``FetchError`` when the server does not answer, refuses, or stops sending.
    static func load(_ address: String, to path: String, progress: @escaping Progress) throws(FetchError) {
        guard let url = URL(string: address) else {
            throw FetchError(source: address, problem: "is no address; check it")
        }
        let partial = path + ".part"
        let download = Download(address, partial: partial, progress: progress)
        try download.run(url)
        guard rename(partial, path) == 0 else {
            throw FetchError(source: path, problem: "cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    private func run(_ url: URL) throws(FetchError) {
        let there = (try? FileManager.default.attributesOfItem(atPath: partial)[.size]) as? Int ?? 0
        var request = URLRequest(url: url)
        request.timeoutInterval = Self.idleSeconds
        if there > 0 { request.setValue("bytes=\(there)-", forHTTPHeaderField: "Range") }
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = Self.idleSeconds
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
        defer { session.invalidateAndCancel() }
        let task = session.dataTask(with: request)
        task.resume()
        let isDone = isOver.wait(timeout: .now() + Self.patience) == .success
        let failure = state.withLock { state in
            try? state.file?.close()
            return isDone ? state.failure : "was not loaded within a day"
        }
        if let failure { throw FetchError(source: address, problem: failure) }
    }

    /// START of `bytes START-END/TOTAL`.
    private static func firstByte(of range: String) -> Int? {
        Int(range.drop { !$0.isNumber }.prefix { $0.isNumber })
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        let length = response.expectedContentLength
        let isGood = state.withLock { state in
            // 206: the rest; 200: everything, also when only the rest was asked for.
            guard status == 200 || status == 206 else {
                // 416 with a part at hand: there is no rest, so the part is whole or of another file.
                state.failure =
                    status == 416
                    ? "the part at \(partial) does not belong to it; remove the part and fetch again"
                    : "the server answers \(status); check the address, or fetch from a mirror with --from"
                return false
            }
            let isFresh = status == 200 || !FileManager.default.fileExists(atPath: partial)
            guard !isFresh || FileManager.default.createFile(atPath: partial, contents: nil),
                let file = FileHandle(forWritingAtPath: partial), let end = try? file.seekToEnd()
            else {
                state.failure = "\(partial) cannot be written; choose a folder that can be, with --path"
                return false
            }
            let range = (response as? HTTPURLResponse)?.value(forHTTPHeaderField: "Content-Range")
            if status == 206, let range, Self.firstByte(of: range) != Int(end) {
                state.failure = "the server sends another part than was asked for; fetch from a mirror with --from"
                return false
            }
            state.file = file
            state.done = Int(end)
            state.total = length > 0 ? Int(end) + Int(length) : nil
            return true
        }
        completionHandler(isGood ? .allow : .cancel)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let counts = state.withLock { state in
            do {
                try state.file?.write(contentsOf: data)
                state.done += data.count
            } catch {
                state.failure = "\(partial) cannot be written; see whether the disk is full"
                dataTask.cancel()
            }
            return (state.done, state.total)
        }
        progress(counts.0, counts.1)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        state.withLock { state in
            if state.failure == nil, let error {
                state.failure = "is not loaded: \(error.localizedDescription); fetch again to go on, or use --from"
            }
            if state.failure == nil, let total = state.total, state.done != total {
                state.failure = "ended after \(state.done) of \(total) bytes; fetch again to go on"
            }
        }
        isOver.signal()
    }
}
