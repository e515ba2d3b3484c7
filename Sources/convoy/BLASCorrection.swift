import Foundation
import Tensors

/// Makes OpenBLAS use what the CPU offers; see Note [BLAS core type] at `BLAS`.
enum BLASCorrection {
    /// Where the program that executes itself again leaves the core type that OpenBLAS had picked.
    private static let originalVariable = "CONVOY_BLAS_CORE_REPLACED"

    /// Executes this program again with another core type when OpenBLAS picked a slow one and the user named none.
    ///
    /// What is executed, and what this process starts, gets an OpenBLAS without threads of its own: those look for work for
    /// a while after it is loaded, on cores that workers compute on.
    static func applyOnce() {
        setenv(BLAS.threadsVariable, "1", 1)
        guard ProcessInfo.processInfo.environment[BLAS.coreVariable] == nil else { return }
        let current = BLAS.coreName
        guard let better = BLAS.betterCore(than: current, on: .best) else { return }
        setenv(BLAS.coreVariable, better, 1)
        setenv(originalVariable, current, 1)
        var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        // Only returns when it fails; then the program goes on with the slow core type.
        execv("/proc/self/exe", &arguments)
        unsetenv(BLAS.coreVariable)
    }

    /// A line for the log when the core type was corrected, or when the one that the user named is slow on this CPU.
    static var notice: String? {
        let (environment, current) = (ProcessInfo.processInfo.environment, BLAS.coreName)
        if let original = environment[originalVariable] {
            return "OpenBLAS picked the core type \(original); \(BLAS.coreVariable)=\(current) was set instead"
        }
        guard let chosen = environment[BLAS.coreVariable], let better = BLAS.betterCore(than: current, on: .best) else {
            return nil
        }
        return "\(BLAS.coreVariable)=\(chosen) slows OpenBLAS down on this CPU; \(better) would suit it"
    }
}
