import CFFmpeg
import Foundation

/// Writes pictures as PNG.
public enum PNGFile {
    /// Writes `pixels`, red, green and blue of `height` rows of `width` pixels, to the file at `path`.
    ///
    /// - Throws: ``MediaError`` when the file cannot be written.
    public static func write(_ pixels: [UInt8], width: Int, height: Int, to path: String) throws(MediaError) {
        precondition(pixels.count == 3 * width * height, "three bytes for each pixel")
        guard let data = encode(pixels, width: width, height: height) else {
            throw MediaError(file: path, problem: "the picture of \(width)×\(height) pixels cannot be encoded as PNG")
        }
        do {
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw MediaError(file: path, problem: "cannot be written: \(error.localizedDescription)")
        }
    }

    private static func encode(_ pixels: [UInt8], width: Int, height: Int) -> Data? {
        guard let codec = avcodec_find_encoder(AV_CODEC_ID_PNG), let context = avcodec_alloc_context3(codec) else {
            return nil
        }
        var owned: UnsafeMutablePointer<AVCodecContext>? = context
        var frame = av_frame_alloc()
        var packet = av_packet_alloc()
        defer {
            avcodec_free_context(&owned)
            av_frame_free(&frame)
            av_packet_free(&packet)
        }
        context.pointee.width = Int32(width)
        context.pointee.height = Int32(height)
        context.pointee.pix_fmt = AV_PIX_FMT_RGB24
        context.pointee.time_base = AVRational(num: 1, den: 1)
        guard avcodec_open2(context, codec, nil) >= 0, let frame, let packet else { return nil }
        frame.pointee.width = Int32(width)
        frame.pointee.height = Int32(height)
        frame.pointee.format = AV_PIX_FMT_RGB24.rawValue
        guard av_frame_get_buffer(frame, 0) >= 0, let target = frame.pointee.data.0 else { return nil }
        let stride = Int(frame.pointee.linesize.0)
        pixels.withUnsafeBufferPointer { source in
            guard let source = source.baseAddress else { return }
            for row in 0..<height {
                (target + row * stride).update(from: source + 3 * row * width, count: 3 * width)
            }
        }
        guard avcodec_send_frame(context, frame) >= 0, avcodec_receive_packet(context, packet) >= 0 else { return nil }
        return Data(bytes: packet.pointee.data, count: Int(packet.pointee.size))
    }
}
