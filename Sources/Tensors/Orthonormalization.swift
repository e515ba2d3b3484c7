import COpenBLAS

/// Replaces `count` vectors of `length` elements, one after the other in memory, by orthonormal ones: the Q of a QR
/// decomposition whose R has a positive diagonal, as Gram and Schmidt would find it.
///
/// - Precondition: there are at most as many vectors as a vector has elements, and they are linearly independent.
/// - Determinism: the same bits for the same sizes on the same core type; runs on the calling thread.
/// - Complexity: 4 · length · count² floating-point operations, by LAPACK's `sgeqrf` and `sorgqr`.
public func orthonormalize(_ vectors: UnsafeMutablePointer<Float>, count: Int, length: Int) {
    precondition(count <= length, "\(count) vectors of \(length) elements cannot be orthogonal")
    guard count > 0 else { return }
    BLAS.useCallingThread()
    var (rows, columns, info) = (blasint(length), blasint(count), blasint(0))
    var reflectors = [Float](repeating: 0, count: count)
    // Asked with a size of -1, LAPACK tells how much memory it works best with.
    var (best, ask) = (Float(0), blasint(-1))
    sgeqrf_(&rows, &columns, vectors, &rows, &reflectors, &best, &ask, &info)
    var size = max(blasint(best), columns)
    sorgqr_(&rows, &columns, &columns, vectors, &rows, &reflectors, &best, &ask, &info)
    size = max(blasint(best), size)
    var work = [Float](repeating: 0, count: Int(size))
    sgeqrf_(&rows, &columns, vectors, &rows, &reflectors, &work, &size, &info)
    precondition(info == 0, "LAPACK's sgeqrf refused argument \(-info)")
    let signs = (0..<count).map { vectors[$0 * length + $0] < 0 ? Float(-1) : 1 }
    sorgqr_(&rows, &columns, &columns, vectors, &rows, &reflectors, &work, &size, &info)
    precondition(info == 0, "LAPACK's sorgqr refused argument \(-info)")
    for (index, sign) in signs.enumerated() where sign < 0 {
        for element in 0..<length { vectors[index * length + element] *= sign }
    }
}
