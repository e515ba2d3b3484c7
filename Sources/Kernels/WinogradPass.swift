/// The channels and outputs that a call of ``WinogradKernels`` takes: those of which the transformed weights are at hand.
public struct WinogradPass: Sendable {
    /// Channels of the input, whole vectors of them.
    public let channels: Range<Int>
    /// Channels of the output, whole vectors of them.
    public let outputs: Range<Int>

    /// Describes a pass.
    public init(channels: Range<Int>, outputs: Range<Int>) {
        self.channels = channels
        self.outputs = outputs
    }
}
