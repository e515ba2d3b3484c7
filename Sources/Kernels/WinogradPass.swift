/// The channels and outputs that a call of ``WinogradKernels`` takes: those of which the transformed weights are at hand.
public struct WinogradPass: Sendable {
    /// Channels of the input, whole vectors of them.
    public let channels: Range<Int>
    /// Channels of the output, whole vectors of them.
    public let outputs: Range<Int>
    /// Whether products begin with these channels, and whether outputs are made of them after these; otherwise they
    /// stay in the scratch from pass to pass, which all tiles at once must fit.
    public let begins, ends: Bool

    /// Describes a pass.
    public init(channels: Range<Int>, outputs: Range<Int>, begins: Bool = true, ends: Bool = true) {
        self.channels = channels
        self.outputs = outputs
        self.begins = begins
        self.ends = ends
    }
}
