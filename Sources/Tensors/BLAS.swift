import COpenBLAS

/// The matrix library behind `Engine.multiply` and the CPU that it believes to run on.
///
/// Note [BLAS core type] OpenBLAS picks its kernels when it is loaded, from a list of CPUs known at its release. On a
/// newer CPU, Debian 12's 0.3.21 falls back to `Prescott`, an SSE3 kernel a seventh as fast. The variable
/// `OPENBLAS_CORETYPE` corrects that, but only when it is set before the process starts: the command sets it and
/// executes itself once more.
public enum BLAS {
    /// The core type in use, such as `SkylakeX`; different ones may give different bits.
    public static var coreName: String { String(cString: openblas_get_corename()) }

    /// The environment variable that overrides OpenBLAS's choice.
    public static let coreVariable = "OPENBLAS_CORETYPE"
    /// Names the environment variable for the number of threads that OpenBLAS starts when it is loaded.
    public static let threadsVariable = "OPENBLAS_NUM_THREADS"

    /// The core type to ask for when `current` does not use what the CPU offers; nil when it does.
    public static func betterCore(than current: String, on cpu: InstructionSet) -> String? {
        let avx512 = ["skylakex", "cooperlake", "sapphirerapids"]
        let avx2 = ["haswell", "zen", "excavator"] + avx512
        return switch cpu {
        case .avx512 where !avx512.contains(current.lowercased()): "SkylakeX"
        case .avx2 where !avx2.contains(current.lowercased()): "Haswell"
        default: nil
        }
    }

    /// Makes each call use the calling thread only; the engine splits work over threads itself, so that results do
    /// not depend on their number.
    static func useCallingThread() { openblas_set_num_threads(1) }
}

/// One operand of a matrix product: rows in memory `stride` elements apart.
public struct MatrixOperand: @unchecked Sendable {  // Nobody writes it while threads read.
    /// The first element.
    public let base: UnsafePointer<Float>
    let stride: Int
    let isTransposed: Bool

    /// A matrix as it lies in memory.
    public init(_ base: UnsafePointer<Float>, stride: Int) {
        self.init(base: base, stride: stride, isTransposed: false)
    }

    private init(base: UnsafePointer<Float>, stride: Int, isTransposed: Bool) {
        self.base = base
        self.stride = stride
        self.isTransposed = isTransposed
    }

    /// The distance of neighbours in a column.
    public var rowStride: Int { isTransposed ? 1 : stride }
    /// The distance of neighbours in a row.
    public var columnStride: Int { isTransposed ? stride : 1 }

    /// What is left without the first `rows` rows.
    public func dropping(rows: Int) -> MatrixOperand {
        MatrixOperand(base: base + rows * rowStride, stride: stride, isTransposed: isTransposed)
    }

    /// The same memory, read as columns.
    public var transposed: MatrixOperand {
        MatrixOperand(base: base, stride: stride, isTransposed: !isTransposed)
    }
}

/// c = a · b, or c += a · b: a is `[m, k]`, b `[k, n]`, c `[m, n]` with rows `stride` elements apart.
///
/// - Determinism: the same bits for the same sizes on the same core type; runs on the calling thread.
/// - Complexity: 2 · m · n · k floating-point operations.
public func multiply(
    _ a: MatrixOperand, _ b: MatrixOperand, into c: UnsafeMutablePointer<Float>, stride: Int, m: Int, n: Int, k: Int,
    accumulate: Bool = false
) {
    guard m > 0, n > 0 else { return }
    cblas_sgemm(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        blasint(m), blasint(n), blasint(k), 1, a.base, blasint(a.stride), b.base, blasint(b.stride),
        accumulate ? 1 : 0, c, blasint(stride))
}
