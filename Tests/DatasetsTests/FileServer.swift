import Foundation
import Synchronization
import Threading

/// A web server on this host for one test: serves files, knows ranges, and can be made to misbehave.
final class FileServer: Sendable {
    /// What a request asked for.
    struct Request: Equatable {
        let path: String
        let range: String?
    }

    /// How the next answer differs from what it should be.
    enum Fault {
        /// The connection ends after so many bytes of the body.
        case cut(after: Int)
        /// The whole file comes, whatever range was asked for.
        case ignoresRange
        /// The rest begins at another byte than asked for.
        case shifted(by: Int)
    }

    private struct State {
        var requests: [Request] = []
        var faults: [Fault] = []
    }

    private let listener: Int32
    private let port: UInt16
    private let state = Mutex(State())

    /// Starts to serve `files` by their names.
    init(_ files: [String: [UInt8]]) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        _ = DedicatedThread(name: "file-server") { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                self?.serve(connection, files)
                close(connection)
            }
            close(listener)
        }
    }

    // Wakes `accept`; the thread closes the socket.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    var address: String { "http://127.0.0.1:\(port)" }
    /// The requests so far.
    var requests: [Request] { state.withLock { $0.requests } }

    /// Makes the next answers wrong, one after the other.
    func misbehave(_ faults: Fault...) { state.withLock { $0.faults += faults } }

    private func serve(_ connection: Int32, _ files: [String: [UInt8]]) {
        var head = Data()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while head.range(of: Data("\r\n\r\n".utf8)) == nil {
            let count = read(connection, &buffer, buffer.count)
            if count <= 0 { return }
            head += buffer[..<count]
        }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let path = String((lines.first?.split(separator: " ").dropFirst().first ?? "").dropFirst())
        let range = lines.first { $0.lowercased().hasPrefix("range: ") }?.dropFirst(7)
        let fault = state.withLock { state in
            state.requests.append(Request(path: path, range: range.map(String.init)))
            return state.faults.isEmpty ? nil : state.faults.removeFirst()
        }
        guard let file = files[path] else {
            return write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", to: connection)
        }
        var start = range.flatMap { Int($0.drop { !$0.isNumber }.prefix { $0.isNumber }) }
        if case .ignoresRange = fault { start = nil }
        if case .shifted(let bytes) = fault { start? += bytes }
        var body = Array(file[(start ?? 0)...])
        let status =
            start.map { "206 Partial Content\r\nContent-Range: bytes \($0)-\(file.count - 1)/\(file.count)" }
            ?? "200 OK"
        let size = body.count
        if case .cut(let count) = fault { body = Array(body.prefix(count)) }
        write("HTTP/1.1 \(status)\r\nContent-Length: \(size)\r\nConnection: close\r\n\r\n", to: connection)
        send(body, to: connection)
    }

    private func write(_ text: String, to connection: Int32) { send(Array(text.utf8), to: connection) }

    private func send(_ bytes: [UInt8], to connection: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }
}
