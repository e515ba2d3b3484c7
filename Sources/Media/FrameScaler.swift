import CFFmpeg

/// Turns decoded frames of any format into pixels of red, green and blue of a fixed size.
///
/// Confined to one thread.
///
/// - Determinism: bit-exact mode, so that the same version of FFmpeg gives the same bytes on every CPU.
final class FrameScaler {
    private let geometry: FrameGeometry
    private var context: OpaquePointer?
    private var whole: UnsafeMutablePointer<UInt8>?
    private var wholeBytes = 0

    init(_ geometry: FrameGeometry) { self.geometry = geometry }

    /// The bytes of a picture.
    var byteCount: Int { geometry.byteCount }

    deinit {
        sws_freeContext(context)
        av_free(whole)
    }

    /// Writes `frame` to `target`, `geometry.byteCount` bytes; false when its format cannot be converted.
    func write(_ frame: UnsafePointer<AVFrame>, to target: UnsafeMutablePointer<UInt8>) -> Bool {
        let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
        guard width > 0, height > 0 else { return false }
        let resized = geometry.resized(width: width, height: height)
        let flags = SWS_BILINEAR | Int32(SWS_ACCURATE_RND) | SWS_BITEXACT | SWS_FULL_CHR_H_INT
        context = sws_getCachedContext(
            context, Int32(width), Int32(height), AVPixelFormat(rawValue: frame.pointee.format), Int32(resized.width),
            Int32(resized.height), AV_PIX_FMT_RGB24, flags, nil, nil, nil)
        guard let context else { return false }
        // Rows with room behind them: the scaler writes whole vectors.
        let stride = (3 * resized.width + 63) / 64 * 64
        let needed = stride * resized.height + 64
        if needed > wholeBytes {
            av_free(whole)
            whole = av_malloc(needed)?.assumingMemoryBound(to: UInt8.self)
            wholeBytes = needed
        }
        guard let whole else {
            wholeBytes = 0
            return false
        }
        let rows = withUnsafePointer(to: frame.pointee.data) { planes in
            withUnsafePointer(to: frame.pointee.linesize) { strides in
                planes.withMemoryRebound(to: UnsafePointer<UInt8>?.self, capacity: 8) { planes in
                    strides.withMemoryRebound(to: Int32.self, capacity: 8) { strides in
                        var targets: [UnsafeMutablePointer<UInt8>?] = [whole, nil, nil, nil]
                        return sws_scale(
                            context, planes, strides, 0, Int32(height), &targets, [Int32(stride), 0, 0, 0])
                    }
                }
            }
        }
        guard rows == Int32(resized.height) else { return false }
        let origin = geometry.origin(width: resized.width, height: resized.height)
        for row in 0..<geometry.height {
            (target + 3 * row * geometry.width).update(
                from: whole + (origin.y + row) * stride + 3 * origin.x, count: 3 * geometry.width)
        }
        return true
    }
}
