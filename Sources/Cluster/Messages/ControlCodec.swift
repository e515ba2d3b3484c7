import Foundation
import Messaging

/// Control messages as bytes: JSON in one frame and, for some messages, a binary frame behind it.
///
/// Whoever can reach the port can send anything, so lengths are bounded before parsing, and values are checked.
public enum ControlCodec {
    /// The protocol's version; coordinator and workers must speak the same.
    public static let version = 4
    /// The longest message in bytes; a configuration and 10,000 evaluated chunks fit well.
    public static let messageLimit = 1 << 20
    /// The largest number of steps that one message reports.
    static let stepLimit = 1000
    /// The longest binary frame in bytes.
    public static let payloadLimit = 16 << 20

    /// The bytes of `envelope`'s JSON.
    ///
    /// - Throws: ``ControlMessageError`` when the message is too long.
    public static func encode<Message>(_ envelope: Envelope<Message>) throws(ControlMessageError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let bytes: Data
        do { bytes = try encoder.encode(envelope) } catch { throw .malformed("\(error)") }
        guard bytes.count <= messageLimit else { throw .tooLong(bytes: bytes.count, limit: messageLimit) }
        return bytes
    }

    /// The envelope in `bytes`, checked together with the length of the binary frame that came with it, nil without.
    ///
    /// - Throws: ``ControlMessageError`` that says what is wrong with the bytes.
    public static func decode<Message>(
        _ bytes: Data, payloadBytes: Int? = nil, as type: Message.Type = Message.self
    ) throws(ControlMessageError) -> Envelope<Message> {
        guard bytes.count <= messageLimit else { throw .tooLong(bytes: bytes.count, limit: messageLimit) }
        if let payloadBytes, payloadBytes > payloadLimit { throw .tooLong(bytes: payloadBytes, limit: payloadLimit) }
        let envelope: Envelope<Message>
        do throws(ControlMessageError) { envelope = try parse(Envelope<Message>.self, bytes) } catch {
            // What another version calls its fields is not ours to judge.
            let version = try parse(Version.self, bytes).version
            throw version == Self.version ? error : .unsupportedVersion(version)
        }
        guard envelope.version == Self.version else { throw .unsupportedVersion(envelope.version) }
        let message = envelope.message
        guard message.carriesPayload == (payloadBytes != nil) else {
            throw .invalid(payloadBytes == nil ? "its binary frame is missing" : "it came with a binary frame")
        }
        if envelope.generation < 0 { throw .invalid("generation is \(envelope.generation)") }
        if let problem = textProblem(envelope.run) ?? message.problem(payloadBytes: payloadBytes ?? 0) {
            throw .invalid(problem)
        }
        return envelope
    }

    /// The frames of `envelope` and its binary frame.
    ///
    /// - Throws: ``ControlMessageError`` when one is too long.
    package static func frames<Message>(
        _ envelope: Envelope<Message>, payload: Frame?
    ) throws(ControlMessageError) -> [Frame] {
        if let payload, payload.count > payloadLimit { throw .tooLong(bytes: payload.count, limit: payloadLimit) }
        return [Frame(try encode(envelope))] + (payload.map { [$0] } ?? [])
    }

    /// The envelope in `frames`; the second one, if there is one, is its binary frame.
    ///
    /// - Throws: ``ControlMessageError`` that says what is wrong with the frames.
    package static func envelope<Message>(
        in frames: [Frame], as type: Message.Type = Message.self
    ) throws(ControlMessageError) -> Envelope<Message> {
        guard (1...2).contains(frames.count) else { throw .frameCount(frames.count) }
        // Before the copy: what is too long is not worth one.
        guard frames[0].count <= messageLimit else { throw .tooLong(bytes: frames[0].count, limit: messageLimit) }
        return try decode(frames[0].data, payloadBytes: frames.count == 2 ? frames[1].count : nil)
    }

    private struct Version: Decodable {
        let version: Int
    }

    private static func parse<Value: Decodable>(_ type: Value.Type, _ bytes: Data) throws(ControlMessageError) -> Value
    {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(type, from: bytes)
        } catch let error as DecodingError {
            throw .malformed(summary(of: error))
        } catch {
            throw .malformed("it is no JSON")
        }
    }

    private static func summary(of error: DecodingError) -> String {
        let (what, context): (String, DecodingError.Context) =
            switch error {
            case .keyNotFound(let key, let context): ("'\(key.stringValue)' is missing", context)
            case .valueNotFound(_, let context): ("a value is null", context)
            case .typeMismatch(_, let context): ("a value has the wrong type", context)
            case .dataCorrupted(let context):
                (context.codingPath.isEmpty ? "it is no JSON" : "a value is unknown", context)
            @unknown default: ("it cannot be read", .init(codingPath: [], debugDescription: ""))
            }
        // Keys of a message are ours; an index is bounded. Neither can carry anything hostile into a log.
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? what : "\(what) at \(path)"
    }
}

/// Why bytes are no control message.
public enum ControlMessageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// More bytes than allowed.
    case tooLong(bytes: Int, limit: Int)
    /// The sender speaks another version of the protocol.
    case unsupportedVersion(Int)
    /// The bytes are no JSON or lack something.
    case malformed(String)
    /// The values contradict each other.
    case invalid(String)
    /// A message of a number of frames that no message has.
    case frameCount(Int)

    /// What is wrong and how to mend it, in one sentence.
    public var description: String {
        switch self {
        case .tooLong(let bytes, let limit):
            "a control message of \(bytes) bytes is over the limit of \(limit); send it in smaller parts"
        case .unsupportedVersion(let version):
            "the sender speaks version \(version) of the control protocol and this program version "
                + "\(ControlCodec.version); start the same build everywhere"
        case .malformed(let what):
            "a control message cannot be read (\(what)); start the same build everywhere"
        case .invalid(let what):
            "a control message contradicts itself (\(what)); start the same build everywhere"
        case .frameCount(let count):
            "a control message has \(count) frames instead of 1 or 2; start the same build everywhere"
        }
    }
}
