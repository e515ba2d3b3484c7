import CFFmpeg
import Foundation

/// Decodes the frames of one video file, or the one frame of a picture.
///
/// Reads JPEG, PNG, BMP, WebP, TIFF, GIF, and what FFmpeg finds in MP4, MOV, AVI, Matroska, WebM, MPEG, FLV, Ogg and ASF
/// files. Confined to one thread; different readers may work at the same time.
public final class MediaReader {
    private let file: MediaFile
    private var format: UnsafeMutablePointer<AVFormatContext>?
    private var codec: UnsafeMutablePointer<AVCodecContext>?
    private var packet = av_packet_alloc()
    private var frame = av_frame_alloc()
    private let stream: Int32

    /// The frames a second, or nil when the file does not say; of a picture nil.
    public let rate: Double?
    /// The columns of a frame.
    public let width: Int
    /// The rows of a frame.
    public let height: Int

    /// The containers that are opened: none that refer to other files.
    private static let formats =
        "mov,avi,matroska,mpegts,mpeg,mpegvideo,m4v,h264,flv,ogg,asf,gif,apng,jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,"
        + "tiff_pipe,ppm_pipe,pgm_pipe,pbm_pipe"
    /// The largest frame, in pixels: a small file can claim any size.
    private static let largestFrame: Int64 = 1 << 26
    /// FFmpeg would print its complaints to standard error; ours are errors.
    private static let isSilenced: Void = av_log_set_level(AV_LOG_QUIET)

    /// Opens the file at `path` and its first video stream.
    ///
    /// - Throws: ``MediaError`` when the file is missing, empty, no regular file, or nothing that can be decoded.
    public init(_ path: String) throws(MediaError) {
        _ = Self.isSilenced
        file = try MediaFile(path)
        let format = try Self.open(file)
        self.format = format
        var decoder: UnsafePointer<AVCodec>?
        stream = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0)
        guard stream >= 0, let decoder, let parameters = format.pointee.streams[Int(stream)]?.pointee.codecpar,
            let codec = avcodec_alloc_context3(decoder)
        else {
            Self.release(format)
            throw MediaError(file: path, problem: "holds no pictures that can be decoded")
        }
        codec.pointee.thread_count = 1  // Whoever calls has threads.
        codec.pointee.max_pixels = Self.largestFrame
        let isOpen = avcodec_parameters_to_context(codec, parameters) >= 0 && avcodec_open2(codec, decoder, nil) >= 0
        self.codec = codec
        (width, height) = (Int(codec.pointee.width), Int(codec.pointee.height))
        let average = format.pointee.streams[Int(stream)]?.pointee.avg_frame_rate ?? AVRational(num: 0, den: 1)
        rate = average.num > 0 && average.den > 0 ? Double(average.num) / Double(average.den) : nil
        guard isOpen, width > 0, height > 0 else {
            throw MediaError(file: path, problem: "its pictures cannot be decoded")
        }
    }

    deinit {
        av_frame_free(&frame)
        av_packet_free(&packet)
        avcodec_free_context(&codec)
        if let format { Self.release(format) }
    }

    private static func open(_ file: MediaFile) throws(MediaError) -> UnsafeMutablePointer<AVFormatContext> {
        var format = avformat_alloc_context()
        format?.pointee.pb = file.context
        var options: OpaquePointer?
        av_dict_set(&options, "format_whitelist", formats, 0)
        // All frames of the stream, whatever an edit list would leave out: so the header's count is theirs.
        av_dict_set(&options, "ignore_editlist", "1", 0)
        defer { av_dict_free(&options) }
        // After a failure FFmpeg has freed the context.
        let code = avformat_open_input(&format, nil, nil, &options)
        guard code >= 0, let format else {
            throw MediaError(file: file.path, problem: "is no picture or video that can be read (\(reason(code)))")
        }
        if avformat_find_stream_info(format, nil) < 0 {
            release(format)
            throw MediaError(file: file.path, problem: "its streams cannot be read")
        }
        return format
    }

    private static func release(_ format: UnsafeMutablePointer<AVFormatContext>) {
        var closing: UnsafeMutablePointer<AVFormatContext>? = format
        avformat_close_input(&closing)
    }

    private static func reason(_ code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        av_strerror(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The number of frames: what the header says, else what is found by reading the whole file once.
    ///
    /// After a count the reader stands at the end; decoding starts with a new reader.
    public func frameCount() -> Int {
        guard let format, let packet else { return 0 }
        let claimed = format.pointee.streams[Int(stream)]?.pointee.nb_frames ?? 0
        if claimed > 0 { return Int(claimed) }
        var count = 0
        while av_read_frame(format, packet) >= 0 {
            if packet.pointee.stream_index == stream { count += 1 }
            av_packet_unref(packet)
        }
        return count
    }

    /// Decodes the frames with the numbers `wanted`, in this order, into consecutive pictures at `target`.
    ///
    /// - Parameters:
    ///   - wanted: Numbers of frames from 0, ascending, repetitions allowed.
    ///   - geometry: The size of the pictures; the target has room for `geometry.byteCount` bytes for each.
    ///   - deadline: When to give up.
    /// - Precondition: Nothing was decoded by this reader before.
    /// - Throws: ``MediaError`` when the file is damaged, ends before the last frame, or is not decoded in time.
    public func decode(
        _ wanted: [Int], _ geometry: FrameGeometry, into target: UnsafeMutablePointer<UInt8>,
        deadline: ContinuousClock.Instant
    ) throws(MediaError) {
        guard let format, let packet, let codec else { return }
        let scaler = FrameScaler(geometry)
        var (done, next) = (0, 0)
        while done < wanted.count {
            if ContinuousClock.now > deadline {
                throw MediaError(file: file.path, problem: "is not decoded in time, \(next) frames are")
            }
            let code = av_read_frame(format, packet)
            let isEnd = code == convoy_error_end
            defer { av_packet_unref(packet) }
            if code < 0 && !isEnd { throw damaged(at: next, code) }
            if !isEnd && packet.pointee.stream_index != stream { continue }
            // A container marks a packet of which bytes are missing.
            let isWhole = isEnd || packet.pointee.flags & AV_PKT_FLAG_CORRUPT == 0
            let sent = isWhole ? avcodec_send_packet(codec, isEnd ? nil : packet) : convoy_error_data
            if sent < 0 { throw damaged(at: next, sent) }
            try receive(wanted, &done, &next, scaler, into: target)
            if isEnd { break }
        }
        try fill(wanted, from: done, decoded: next, size: geometry.byteCount, target)
    }

    /// Takes all frames that the decoder has ready.
    private func receive(
        _ wanted: [Int], _ done: inout Int, _ next: inout Int, _ scaler: FrameScaler,
        into target: UnsafeMutablePointer<UInt8>
    ) throws(MediaError) {
        guard let codec, let frame else { return }
        while done < wanted.count {
            let code = avcodec_receive_frame(codec, frame)
            if code == convoy_error_again || code == convoy_error_end { return }
            if code < 0 || frame.pointee.decode_error_flags != 0 { throw damaged(at: next, code) }
            while done < wanted.count, wanted[done] == next {
                let place = target + done * scaler.byteCount
                guard scaler.write(frame, to: place) else {
                    throw MediaError(file: file.path, problem: "frame \(next) has a format that cannot be converted")
                }
                done += 1
            }
            next += 1
        }
    }

    /// Repeats the last picture for frames that are missing at the end.
    ///
    /// Headers of old containers count one or two frames that were never coded; more than that is a truncated file.
    private func fill(
        _ wanted: [Int], from done: Int, decoded: Int, size: Int, _ target: UnsafeMutablePointer<UInt8>
    ) throws(MediaError) {
        guard done < wanted.count, let last = wanted.last else { return }
        guard done > 0, last < decoded + 2 else {
            throw MediaError(
                file: file.path, problem: "ends after \(decoded) frames where at least \(last + 1) were expected")
        }
        for place in done..<wanted.count {
            (target + place * size).update(from: target + (done - 1) * size, count: size)
        }
    }

    private func damaged(at frame: Int, _ code: Int32) -> MediaError {
        let detail = code < 0 ? " (\(Self.reason(code)))" : ""
        return MediaError(file: file.path, problem: "is damaged at frame \(frame)\(detail)")
    }
}
