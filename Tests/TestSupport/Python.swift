import Foundation

/// A Python interpreter for tests that exchange files with Python's libraries.
public enum Python {
    /// An interpreter that can import `modules`; nil when the host has none.
    public static func path(importing modules: String) -> String? {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        let candidates = [
            ProcessInfo.processInfo.environment["CONVOY_PYTHON"], "\(home)/.cache/convoy-peers/bin/python",
            "/usr/bin/python3",
        ]
        return candidates.compactMap { $0 }.first { python in
            FileManager.default.isExecutableFile(atPath: python)
                && (try? run(python, ["-c", "import \(modules)"]))?.status == 0
        }
    }

    /// Runs an interpreter to its end and collects what it says on both streams.
    public static func run(_ python: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
