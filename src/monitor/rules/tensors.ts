import type { Rule } from '../rule.ts';

/** Shapes, types, devices, autograd and checkpoints: what a wrong line of the project's own code leads to. */
export const TENSOR_RULES: readonly Rule[] = [
  {
    type: 'checkpoint-mismatch',
    on: 'exception',
    pattern:
      /Error\(s\) in loading state_dict for|size mismatch for [\w.]+: copying a param|(?:Missing|Unexpected) key\(s\) in state_dict|does not match the shape of the checkpoint|loaded state dict (?:has a different number|contains a parameter group)|Shapes? \(.{1,60}\) and \(.{1,60}\) are incompatible.{0,80}(?:checkpoint|weights)|layer(?: #\d+)?.{0,80}(?:weight shape|expects? \d+ (?:weight|variable)).{0,120}(?:saved|loaded|received)|you are trying to load a weight file containing \d+ layers|Layer count mismatch when loading weights|checkpoint.{0,60}(?:shape|size) mismatch|Tensor name ".{1,200}" has shape .{1,60} (?:incompatible|which)|not found in checkpoint\b|dimension \d+ .{0,40}in checkpoint but/i,
    samples: [
      'RuntimeError: Error(s) in loading state_dict for ResNet:',
      'RuntimeError: size mismatch for fc.weight: copying a param with shape torch.Size([1000, 512]) from checkpoint, the shape in current model is torch.Size([10, 512]).',
      "ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      'ValueError: You are trying to load a weight file containing 16 layers into a model with 14 layers.',
      'tensorflow.python.framework.errors_impl.NotFoundError: Key conv1/kernel not found in checkpoint',
    ],
    lookalikes: [
      'RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 5x5)',
      'FileNotFoundError: checkpoint last.pt not found',
    ],
  },
  {
    type: 'dtype-mismatch',
    on: 'exception',
    pattern:
      /\b(?:must|should|to) have the same d?type\b|expected (?:m1 and m2|mat1 and mat2) to have the same dtype|[Ee]xpected (?:scalar type|object of (?:scalar|data) type|dtype) \S+|Expected tensor for argument #\d+ '\w+' to have (?:one of the following )?scalar types?|"\w[^"]{0,80}" not implemented for '\w+'|not implemented for '(?:Half|BFloat16|Float|Double|Long|Int|Byte|Char|Short|Bool|ComplexFloat)'|result type \w+ can't be cast to the desired output type|FlashAttention only supports? fp16|Input type \((?:torch\.)?(?:(?!cuda)\w)*\.?(?:Float|Double|Half|Byte|BFloat16|Long|Int|Char)Tensor\) and (?:weight|bias) type \((?:torch\.)?(?:(?!cuda)\w)*\.?(?:Float|Double|Half|Byte|BFloat16|Long|Int|Char)Tensor\)|Input type \(?(?:float|double|c10::\w+|\w+Float\w*|struct c10::\w+|unsigned char|(?:signed )?char|long long|long|int|short|bool)\)? and (?:bias|weight) type|\b[Ff]ound dtype \S+ but expected|can't convert np\.ndarray of type numpy\.\w+|(?:Input|input) .{0,60}dtype .{0,60}(?:but|does not match)|Cannot (?:convert|cast|compare) .{0,40}dtype|could not be cast from dtype|Tensor conversion requested dtype \w+ for Tensor with dtype|cannot compute \w+ as input #\d+.{0,60}was expected to be a \w+ tensor but is a|Cannot cast (?:ufunc|array data|scalar|.{0,40}from dtype)|ufunc '\w+' (?:did not contain a loop with signature|not supported for the input types)|type mismatch: .{0,60}(?:dtype|float|int)|\bexpected scalar type\b|Index(?:ing)? tensors? must (?:be|have)|tensors used as indices must be (?:long|int|byte|bool)|invalid combination of arguments.{0,20}dtype|value cannot be converted to type \S+ without overflow|(?:mse_cuda|mse_loss|nll_loss\w*|cross_entropy\w*).{0,80}not implemented|self and mat2 must have the same dtype|both arguments to \w+ must .{0,30}dtype|Query and key must have the same dtype|to have the same dtype/,
    samples: [
      'RuntimeError: expected scalar type Float but found Half',
      'RuntimeError: expected mat1 and mat2 to have the same dtype, but got: float != c10::Half',
      'RuntimeError: "addmm_impl_cpu_" not implemented for \'Half\'',
      'RuntimeError: Input type (float) and bias type (c10::Half) should be the same',
      "RuntimeError: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor instead",
      'RuntimeError: Found dtype Double but expected Float',
      'IndexError: tensors used as indices must be long, byte or bool tensors',
      "TypeError: can't convert np.ndarray of type numpy.object_. The only supported types are: float64, float32",
      'RuntimeError: FlashAttention only support fp16 and bf16 data type',
    ],
    lookalikes: [
      'RuntimeError: Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same',
      "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    ],
  },
  {
    type: 'device-mismatch',
    on: 'exception',
    pattern:
      /Expected all tensors to be on the same device|(?:is|are) on (?:the )?(?:cuda|cpu|mps|xpu)\S* ?.{0,40}but (?:expected|found|other)|Input type \(torch\.(?:cuda\.)?\w+\) and weight type \(torch\.(?:cuda\.)?\w+\) should be the same|(?:are not|must be|should be) (?:at|on) the same device|can't convert (?:cuda|mps|xpu)\S* device type tensor to numpy|indices should be either on cpu or on the same device|module must have its parameters and buffers on device \S+ .{0,60}but found|Expected object of backend \w+ but got backend \w+|Expected object of (?:device )?type (?:cuda|cpu|torch\.cuda|torch\.\w+Tensor).{0,40}but (?:got|found)|[Ee]xpected a ['"]?(?:cuda|cpu|mps|xpu)\S* device type for generator|Expected tensor .{0,60}to be on (?:the same GPU|CPU|GPU)|(?:Input|input|Placeholder storage).{0,60}(?:has not been allocated on MPS|and hidden tensors are not at the same device)|Tensor for .{0,60}is on (?:CPU|GPU), [Ee]xpected|arguments are located on different GPUs|tensors? (?:is|are) (?:located )?on different (?:devices|GPUs)|Tensor for argument #\d+ '\w+' is on CPU|Attempt(?:ing|ed) to .{0,40}(?:CPU|cpu) tensor.{0,40}(?:cuda|CUDA|GPU)|Pointer argument .{0,40}cannot be accessed from Triton \(cpu tensor\?\)|Unhandled device|torch\.cuda\.\w+Tensor .{0,40}torch\.\w+Tensor/,
    samples: [
      'RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!',
      'RuntimeError: Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same',
      "TypeError: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
      'RuntimeError: Input and hidden tensors are not at the same device, found input tensor at cuda:0 and hidden tensor at cpu',
      'RuntimeError: indices should be either on cpu or on the same device as the indexed tensor (cpu)',
    ],
    lookalikes: ['RuntimeError: CUDA error: invalid device ordinal'],
  },
  {
    type: 'no-grad',
    on: 'exception',
    pattern:
      /does not require grad and does not have a grad_fn|grad can be implicitly created only for|One of the differentiated Tensors does not require grad|One of the differentiated Tensors appears to not have been used in the graph|No gradients provided for any variable|No (?:inf checks were recorded|trainable parameters)|optimizer got an empty parameter list|Attempted unscale_ but|cannot register a hook on a tensor that doesn't require gradient|you can only change requires_grad flags of leaf|only Tensors of floating point(?: and complex)? dtype can require gradients|None of the inputs have requires_grad|Tensor .{0,40}does not require grad/i,
    samples: [
      'RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn',
      'RuntimeError: grad can be implicitly created only for scalar outputs',
      "ValueError: No gradients provided for any variable: ['dense/kernel:0', 'dense/bias:0'].",
      'ValueError: optimizer got an empty parameter list',
    ],
    lookalikes: ['RuntimeError: Trying to backward through the graph a second time'],
  },
  {
    type: 'autograd-misuse',
    on: 'exception',
    pattern:
      /Trying to backward through the graph a second time|has been modified by an inplace operation|a (?:view of a )?leaf [Vv]ariable that requires grad|a leaf Variable that requires grad (?:is|has been)|Output \d+ of \S+ is a view and (?:is being|its base)|is a view (?:of a leaf|created in no_grad mode|and is being modified inplace)|Expected to (?:have finished reduction in the prior iteration|mark a variable ready only once)|Can't call numpy\(\) on (?:Tensor|Variable) that requires grad|Only Tensors created explicitly by the user|Inference tensors cannot be saved for backward|cannot update inference tensor|unsupported operation: (?:some elements of the input tensor and the written-to|more than one element of the written-to)|Saved (?:tensors|intermediate values) .{0,40}after they have already been freed|specify retain_graph=True|Function \w+Backward\d* returned (?:an invalid gradient|nan values)|scaler?\.unscale_\(\) has already been called|deepcopy protocol|A tensor .{0,40}modified in-?place/i,
    samples: [
      'RuntimeError: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed).',
      'RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: [torch.cuda.FloatTensor [64, 10]]',
      'RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.',
      "RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
      'RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.',
    ],
    lookalikes: ["RuntimeError: Function 'LogSoftmaxBackward0' returned nan values in its 0th output."],
  },
  {
    type: 'shape-mismatch',
    on: 'exception',
    // torch, then numpy, scikit-learn, TensorFlow/Keras/JAX, plain Python
    pattern:
      /shapes cannot be multiplied|size mismatch, m1: |The size of tensor a \(\d+\) must match|The expanded size of the tensor|[Ss]izes of tensors must match|mat1 dim 1 must match mat2 dim 0|inconsistent tensor size|Expected (?:input|target)? ?batch_size|Expected target size|Using a target size .{1,80}that is different to the input size|Given groups=|expected input\[.{1,60}\] to have \d+ channels|input\.size\(-1\) must be equal to input_size|shape '\[.{0,120}\]' is invalid for input of size|view size is not compatible|stack expects each tensor to be equal size|Tensors must have same number of dimensions|Dimension out of range|Expected \d+D? ?(?:\(\w+\) )?or \d+D? ?.{0,60}(?:input|tensor)|expected \d+D? ?(?:\(or \d+D?\) )?(?:or \d+D )?input|[Ee]xpected (?:a )?\d-?D(?:imensional)? (?:or \d-?D(?:imensional)? )?(?:\(\w+\) )?(?:input|tensor|array)|number of dims don't match|only batches of spatial targets supported|multi-target not supported|Calculated padded input size per channel|Expected more than 1 value per channel|expected 1D target tensor|(?:0D|1D|2D|3D) (?:or multi-dimensional )?target tensor expected|The shape of the mask \[.{1,60}\] at index|shape mismatch|[Mm]ismatch(?:ed)? (?:in )?shapes?|dimension mismatch|dimensions? (?:of .{0,40})?(?:do|does) not match|Target size .{1,60}must be the same as input size|mat\d? .{0,40}(?:shapes|size) .{0,20}(?:mismatch|multiplied)|embed_dim must|was expecting embedding dimension|running_mean should contain \d+ elements|weight tensor should be defined|normalized_shape=\[|Expected size for first two dimensions|batch1 .{0,20}batch2|too many indices for (?:array|tensor)|operands could not be broadcast|could not broadcast (?:input array|where)|shapes \(.{0,60}\) and \(.{0,60}\) not aligned|matmul: (?:Input operand|dimension mismatch)|all the input (?:arrays? must have same number of dimensions|array dimensions|arrays)|all input arrays must have the same shape|cannot reshape (?:array|a tensor)|inhomogeneous shape|setting an array element with a sequence|boolean index did not match|x and y must (?:have same first dimension|be the same size)|Length (?:of values|mismatch)|(?:All )?arrays must (?:all )?be (?:of )?(?:the )?same length|Wrong number of items passed|Shape of passed values|axis \d+ is out of bounds for array of dimension|inconsistent numbers? of samples|has \d+ features?, but .{0,80}is expecting|Number of features of the (?:model|input) must|features? .{0,40}expecting \d+ features|Expected 2D array, got|bad input shape|y should be a 1d array|feature_names mismatch|Feature shape mismatch|Check failed: .{0,80}(?:num_col|num_feature|labels?\.Size|info\.labels)|number of features in data .{0,60}is not the same as|Incompatible shapes|Dimensions must be equal|is incompatible with the layer|Input \d+ (?:is incompatible|of layer)|Shapes \(.{0,60}\) and \(.{0,60}\) (?:are incompatible|must)|Matrix size-incompatible|logits and labels must (?:have|be)|Inputs? to (?:a )?reshape is a tensor with|must be rank \d|Shape must be rank|expected .{0,60}to have (?:shape|\d+ dimensions)|Data cardinality is ambiguous|A `?Concatenate`? layer requires inputs with matching shapes|ConcatOp : Dimensions|Negative dimension size caused by|Received incompatible tensor|Cannot feed value of shape|`?logits`? and `?labels`? .{0,40}same shape|(?:argument|got).{0,40}incompatible shapes|Incompatible (?:shapes|dimensions) for|add got incompatible shapes|dot_general requires contracting dimensions|zip\(\) argument \d+ is (?:shorter|longer) than argument|einsum\(\): .{0,80}(?:size|dimension|subscript)|[Ee]xpected .{0,40}shape .{0,80}(?:but )?got|got .{0,40}shape .{1,60}expected/,
    samples: [
      'RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x512 and 256x10)',
      'RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1',
      'RuntimeError: size mismatch, m1: [32 x 512], m2: [256 x 10] at /pytorch/aten/src/TH/generic/THTensorMath.cpp:41',
      'RuntimeError: Given groups=1, weight of size [64, 3, 7, 7], expected input[8, 1, 28, 28] to have 3 channels, but got 1 channels instead',
      "RuntimeError: shape '[-1, 400]' is invalid for input of size 46656",
      'ValueError: Expected input batch_size (32) to match target batch_size (64).',
      'RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 32 but got size 31 for tensor number 1 in the list.',
      'ValueError: operands could not be broadcast together with shapes (3,) (4,)',
      'ValueError: shapes (3,4) and (5,6) not aligned: 4 (dim 1) != 5 (dim 0)',
      'ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 3 is different from 4)',
      'ValueError: X has 5 features, but RandomForestClassifier is expecting 4 features as input.',
      'ValueError: Found input variables with inconsistent numbers of samples: [100, 99]',
      'tensorflow.python.framework.errors_impl.InvalidArgumentError: Incompatible shapes: [32,10] vs. [32]',
      'ValueError: Shapes (None, 1) and (None, 10) are incompatible',
      'ValueError: zip() argument 2 is shorter than argument 1',
      'ValueError: zip() argument 3 is longer than arguments 1-2',
      'TypeError: add got incompatible shapes for broadcasting: (3,), (4,).',
      'ValueError: setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 dimensions.',
    ],
    lookalikes: [
      "TypeError: forward() missing 1 required positional argument: 'shape'",
      "AttributeError: 'list' object has no attribute 'shape'",
      'RuntimeError: stack expects a non-empty TensorList',
      'ValueError: Unknown layer: CustomLayer',
    ],
  },
];
