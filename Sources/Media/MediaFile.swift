import CFFmpeg
import Foundation

/// A regular file as FFmpeg reads it, byte by byte from a descriptor of our own.
///
/// FFmpeg never sees the name: it would take `%03d` in it for a pattern, and a playlist for leave to open other files.
/// A pipe, on which a read could wait for ever, is refused. Confined to one thread.
final class MediaFile {
    let path: String
    let size: Int
    private let descriptor: Int32
    private var position = 0
    private(set) var context: UnsafeMutablePointer<AVIOContext>?

    /// Bytes that FFmpeg asks for at a time.
    private static let bufferBytes = 1 << 16
    private static let seekSize: Int32 = 0x10000  // AVSEEK_SIZE

    init(_ path: String) throws(MediaError) {
        self.path = path
        // Without O_NONBLOCK opening a pipe waits for its writer; reads of regular files ignore it.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw MediaError(file: path, problem: "cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        size = isRegular ? Int(status.st_size) : 0
        // From here on every property has a value, so an error runs `deinit`, which closes the file.
        guard isRegular, size > 0 else {
            throw MediaError(file: path, problem: isRegular ? "the file is empty" : "is no regular file")
        }
        context = avio_alloc_context(
            av_malloc(Self.bufferBytes)?.assumingMemoryBound(to: UInt8.self), Int32(Self.bufferBytes), 0,
            Unmanaged.passUnretained(self).toOpaque(),
            { owner, buffer, count in
                guard let owner, let buffer else { return convoy_error_data }
                return Unmanaged<MediaFile>.fromOpaque(owner).takeUnretainedValue().read(into: buffer, count)
            }, nil,
            { owner, offset, origin in
                guard let owner else { return Int64(convoy_error_data) }
                return Unmanaged<MediaFile>.fromOpaque(owner).takeUnretainedValue().seek(offset, from: origin)
            })
        guard context != nil else { throw MediaError(file: path, problem: "there is no memory to read it") }
    }

    deinit {
        if let context {
            av_free(context.pointee.buffer)
            avio_context_free(&self.context)
        }
        close(descriptor)
    }

    private func read(into buffer: UnsafeMutablePointer<UInt8>, _ count: Int32) -> Int32 {
        while true {
            let got = pread(descriptor, buffer, Int(count), position)
            if got > 0 {
                position += got
                return Int32(got)
            }
            if got == 0 { return convoy_error_end }
            if errno != EINTR { return -errno }
        }
    }

    private func seek(_ offset: Int64, from origin: Int32) -> Int64 {
        switch origin & ~0x20000 {  // AVSEEK_FORCE
        case Self.seekSize: return Int64(size)
        case SEEK_SET: position = Int(offset)
        case SEEK_CUR: position += Int(offset)
        case SEEK_END: position = size + Int(offset)
        default: return Int64(convoy_error_data)
        }
        return Int64(position)
    }
}
