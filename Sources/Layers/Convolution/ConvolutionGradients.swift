import Autograd
import Kernels

/// Where the gradients of a convolution go, and whether they are added to what is there.
struct ConvolutionGradients {
    let weight: Destination
    let addsToWeight: Bool
    /// Nil when there is no bias.
    let bias: Destination?
    let addsToBias: Bool
    /// Nil when nobody wants the input's gradient.
    let input: Destination?
    let addsToInput: Bool

    /// The same with the input's gradient written to another place.
    func withInput(_ place: Destination) -> ConvolutionGradients {
        ConvolutionGradients(
            weight: weight, addsToWeight: addsToWeight, bias: bias, addsToBias: addsToBias, input: place,
            addsToInput: false)
    }
}

extension GradientSinks {
    /// Has `body` write the gradients of a convolution's weight, bias and input, the inputs of these numbers.
    func writeConvolution(weight: Int, bias: Int?, input: Int?, _ body: (ConvolutionGradients) -> Void) {
        write(weight) { dw, addsToWeight in
            withSink(bias) { db, addsToBias in
                withSink(input) { dx, addsToInput in
                    body(
                        ConvolutionGradients(
                            weight: dw, addsToWeight: addsToWeight, bias: db, addsToBias: addsToBias, input: dx,
                            addsToInput: addsToInput))
                }
            }
        }
    }

    /// Calls `body` with the place of an input's gradient, or with nil when there is none that wants one.
    func withSink(_ index: Int?, _ body: (Destination?, _ accumulate: Bool) -> Void) {
        guard let index, wants(index) else { return body(nil, false) }
        write(index, body)
    }
}
